"""Three ways to train on threes and eights, and how many test digits each network gets right under attack.

    python run.py [--epsilon 2] [--table robust.csv] [--plot robust.png]

Standard training, convex training against every change of the pixels by at most epsilon grey levels of 16, and descent
that trains on the changes which an attack finds. All three have the same spec: the radius and the backend differ.
"""

import argparse
from pathlib import Path

import numpy as np
import polars as pl

import reludsl

HERE = Path(__file__).parent
RADII = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
TRAINING = 250


def split(seed: int = 0) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Pixels (n, 64) and digits (n,) to train on, and to test."""
    table = pl.read_csv(HERE / "digits.csv")
    pixels, digits = table.drop("digit").to_numpy().astype(float), table["digit"].to_numpy()
    order = np.random.default_rng(seed).permutation(len(digits))
    return tuple((pixels[rows], digits[rows]) for rows in (order[:TRAINING], order[TRAINING:]))


def trained(data: tuple[np.ndarray, np.ndarray], epsilon: float) -> dict[str, reludsl.Solution]:
    """The solutions of the three ways to train."""
    spec = HERE / "digits.relu"
    return {
        "standard": reludsl.solve(spec, data, set={"epsilon": 0}),
        "robust convex": reludsl.solve(spec, data, set={"epsilon": epsilon}),
        "adversarial descent": reludsl.solve(spec, data, set={"epsilon": epsilon}, backend="descent"),
    }


def accuracies(solutions: dict[str, reludsl.Solution], data: tuple[np.ndarray, np.ndarray]) -> pl.DataFrame:
    """A row for each network and radius: the share of digits that are right under each attack, and provably."""
    limits = {"minimum": 0, "maximum": 16}
    rows = []
    for name, solution in solutions.items():
        for radius in RADII:
            row = {"training": name, "radius": radius}
            for method in ("fgsm", "pgd"):
                found = reludsl.attack(solution.network, data, method=method, norm="linf", radius=radius, **limits)
                row[method] = found.attacked["accuracy"]
            proved = reludsl.certify(solution.network, data, norm="linf", radius=radius, **limits)
            row["proved"] = proved.scores["exact"]
            rows.append(row)
    return pl.DataFrame(rows)


def plot(table: pl.DataFrame, path: str) -> None:
    """The accuracies against the radius."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.5), layout="constrained")
    for color, name in enumerate(table["training"].unique(maintain_order=True)):
        part = table.filter(pl.col("training") == name)
        axes.plot(part["radius"], part["fgsm"], ":", color=f"C{color}", linewidth=1)
        axes.plot(part["radius"], part["pgd"], color=f"C{color}", marker="o", markersize=3, label=name)
    axes.set(xlabel="radius, grey levels of 16", ylabel="test accuracy: PGD (lines), FGSM (dotted)", ylim=(0, 1.02))
    axes.legend(loc="lower left")
    figure.savefig(path, dpi=150)


def main() -> None:
    """Prints what was trained, and the accuracies."""
    parser = argparse.ArgumentParser(description="Standard, robust and adversarial training on digits.")
    parser.add_argument("--epsilon", type=float, default=2.0, help="the radius to train against, in grey levels")
    parser.add_argument("--table", metavar="FILE", help="where to write the accuracies (.csv)")
    parser.add_argument("--plot", metavar="FILE", help="where to save a picture (the extra `plot`)")
    options = parser.parse_args()
    training, test = split()
    solutions = trained(training, options.epsilon)
    for name, solution in solutions.items():
        patterns = (
            f", {solution.patterns['survived']} random patterns survive" if "survived" in solution.patterns else ""
        )
        print(f"{name}: objective {solution.objective:.5g}, {solution.width} neurons{patterns}")
    table = accuracies(solutions, test)
    print("training             radius   fgsm    pgd  proved")
    for name, radius, fgsm, pgd, proved in table.iter_rows():
        print(f"{name:19}  {radius:6}  {fgsm:.3f}  {pgd:.3f}   {proved:.3f}")
    if options.table:
        table.write_csv(options.table)
        print(f"table saved to {options.table}")
    if options.plot:
        plot(table, options.plot)
        print(f"picture saved to {options.plot}")


if __name__ == "__main__":
    main()
