"""A curve with noise, and a few gross outliers among the training rows.

    python generate.py

Writes `robust_regression.csv`, which is trained on, and `clean.csv`, which has no outliers.
"""

from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def curve(x: np.ndarray) -> np.ndarray:
    """A hat on a slope, which a network of few neurons can draw."""
    hat: np.ndarray = 2.0 * np.maximum(1.0 - np.abs(x), 0.0) + 0.5 * x
    return hat


def draw(rows: int, outliers: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Inputs x and targets y, (rows,) each: the curve with noise, and `outliers` of them 4 to 8 too high."""
    x = generator.uniform(-2.0, 2.0, rows)
    y = curve(x) + 0.1 * generator.standard_normal(rows)
    y[generator.permutation(rows)[:outliers]] += generator.uniform(4.0, 8.0, outliers)
    return x, y


def main() -> None:
    """Writes both files."""
    generator = np.random.default_rng(0)
    for name, rows, outliers in (("robust_regression", 60, 6), ("clean", 200, 0)):
        x, y = draw(rows, outliers, generator)
        lines = [f"{a:.3f},{b:.3f}\n" for a, b in zip(x, y, strict=True)]
        (HERE / f"{name}.csv").write_text("x,y\n" + "".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
