"""Trains on the breast cancer data from Python: a data frame in, a network and predictions out."""

from pathlib import Path

import polars as pl

import reludsl

HERE = Path(__file__).parent

table = pl.read_csv(HERE / "breast_cancer.csv")
solution = reludsl.solve(HERE / "breast_cancer.relu", table, target="diagnosis", holdout=0.3, split_seed=0)
print(solution)

# The network is all that is needed later on: it knows its columns, their scaling, and the labels.
solution.network.save(HERE / "breast_cancer.npz")
network = reludsl.load(HERE / "breast_cancer.npz")
features = table.drop("diagnosis")[:5]
for diagnosis, score in zip(network.predict(features), network.decision_function(features), strict=True):
    print(f"{diagnosis}  ({score:+.2f})")
