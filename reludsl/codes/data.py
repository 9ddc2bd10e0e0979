"""What is wrong with data and files: the pages of D3xx."""

from __future__ import annotations

from reludsl.codes.page import Code

PAGES = (
    Code(
        "D301",
        "file cannot be read",
        """The file does not exist, is a folder, or may not be read.
""",
    ),
    Code(
        "D302",
        "unknown kind of data",
        """Data is a `.csv`, `.parquet` or `.npz` file, and in Python also a mapping of arrays, a pandas or polars
DataFrame, or a tuple (X, y), with sample weights (X, y, weights).
""",
    ),
    Code(
        "D303",
        "damaged data file",
        """The file's content is not what its ending promises. A CSV file needs a header line, UTF-8 text and the same
number of fields in every line; an `.npz` file needs plain arrays, no pickled objects, since loading a file
never runs code.
""",
    ),
    Code(
        "D304",
        "column or array not found",
        """The data has no column of this name. Names are compared to the letter. In a table the target is found by
`--target` or by its declared name, a target of several columns by `columns = [...]`, the weight by its declared name;
the input takes all other columns unless `columns = [...]` lists some. Every column has one role.
""",
    ),
    Code(
        "D305",
        "text where numbers belong",
        """Inputs and real-valued targets need numbers in every row. The message names the first entry that is none.
""",
    ),
    Code(
        "D306",
        "missing value",
        """An entry is empty or NaN. Missing values are never filled in silently.
""",
    ),
    Code(
        "D307",
        "infinite value",
        """An entry is infinite, or so large that scaling overflows.
""",
    ),
    Code(
        "D308",
        "wrong shape",
        """An array has another number of dimensions, rows or columns than was declared, or than the network was trained
on.
""",
    ),
    Code(
        "D309",
        "constant target",
        """The target, or a column of it, has the same value in every training row, so there is nothing to learn.
""",
    ),
    Code(
        "D310",
        "labels outside the declared type",
        """A binary target has two labels, a categorical one as many as its declaration says where that is a number, and
new data has those that the network was trained with.
""",
    ),
    Code(
        "D311",
        "positive label not said",
        """Of two labels other than −1/+1 and 0/1 the spec says which one counts as +1, so that scores and predictions
have an agreed sign.

Wrong:

    target y : binary[n]

Right:

    target y : binary[n] { positive = "M" }
""",
    ),
    Code(
        "D312",
        "no rows",
        """The data has no rows, or none are left for training.
""",
    ),
    Code(
        "D313",
        "different numbers of rows",
        """Every sample needs its input and its target, and with weights its weight.
""",
    ),
    Code(
        "D314",
        "two columns of one name",
        """Columns are found by name, so names must be different.
""",
    ),
    Code(
        "D315",
        "constant input column",
        """A column with one value carries no information beyond a bias. It is kept, scaled to zero where the scaling
subtracts a mean.
""",
    ),
    Code(
        "D316",
        "too many activation patterns",
        """`formulation exact` enumerates every activation pattern. n samples of rank r have up to
2 Σ_{k<r} C(n−1, k) of them (Cover 1965); the spec is refused with that number when it exceeds the limit, before
anything is computed.

Wrong:

    formulation exact

Right:

    formulation sampled { patterns = 200 }
""",
    ),
    Code(
        "D317",
        "class without training rows",
        """A label stands in rows that are held out and in no other. The network then learns that no sample has it, and
is wrong on those rows.
""",
    ),
    Code(
        "D318",
        "gate without a direction",
        """A file of gates holds one direction a row, a number for each input and a last one for the hidden bias. A row
of zeros has no direction: its gate would be open on all data. A file whose first line holds numbers lacks the line with
the names of its columns, and its first direction would be lost.

Wrong:

    g1,g2
    0,0

Right:

    g1,g2
    0.6,-0.8
""",
    ),
    Code(
        "D319",
        "unusable weights",
        """The weight of a sample says how much its loss counts. It is not negative, and some sample that is trained on
has a positive one.
""",
    ),
    Code(
        "D320",
        "not a network file",
        """The file is not there, or is not a network that reludsl wrote.
""",
    ),
    Code(
        "D321",
        "damaged network file",
        """The file is truncated, or its arrays and its description do not fit together. Nothing is guessed: train
again, or copy the file again.
""",
    ),
    Code(
        "D322",
        "network file of another version",
        """The file was written by a release with another file format.
""",
    ),
    Code(
        "D323",
        "guarantee that needs too much",
        """The smallest number of random directions that a guarantee needs grows with the samples, and as `violation`
shrinks (Campi, Garatti 2008): the dual of the program has a variable for every prediction. More directions than the
message names are not drawn; a program with as many patterns would not fit into memory.

Wrong:

    formulation sampled { patterns = guarantee(violation = 1e-6, confidence = 0.99) }

Right:

    formulation sampled { patterns = guarantee(violation = 0.1, confidence = 0.99) }
""",
    ),
    Code(
        "D324",
        "perturbation that does not fit",
        """A perturbation set is described in the units of the raw inputs: a radius of at least 0 for the norms `linf`,
`l2` and `l1`, a number or one for each input, and limits for the changed inputs if they have some. Every sample lies in
its own set, and the sets have an end in every direction.

Wrong:

    reludsl attack net.npz --data test.csv --radius 0.1,0.2       (for a network with three inputs)

Right:

    reludsl attack net.npz --data test.csv --radius 0.1,0.2,0
""",
    ),
    Code(
        "D325",
        "network without a slope",
        """An attack follows the slope of the loss in the inputs. The output of a network with threshold neurons is
constant between its jumps: the slope is 0 everywhere, and says nothing about where a jump is near.
""",
    ),
    Code(
        "D326",
        "too many dimensions for shared neurons",
        """With `outputs = shared`, `formulation exact` enumerates the cells of the samples' hyperplanes and asks that
the moments of the neurons in a cell have neither negative eigenvalues nor negative entries. In up to four dimensions
these are all moments of neurons; from five on there are others, and the program would not be exact. Dimensions are
counted after the rank of the samples; a hidden bias counts as one. `formulation sdp_relaxation` takes any number of
them, and gives a lower bound.

Wrong:

    input X : matrix[n, 5]
    architecture two_layer { outputs = shared }

Right:

    input X : matrix[n, 5]
    architecture two_layer { outputs = shared }
    formulation adaptive
""",
    ),
    Code(
        "D327",
        "cells that rounding hides",
        """The set of cells that were found is not closed: beyond a border of one of them there is none, or two of
them are one. That happens where many hyperplanes of samples nearly meet, and where samples nearly lie in fewer
dimensions. Without all cells neither the program nor its bound would be what they say.
""",
    ),
    Code(
        "D328",
        "rows that cannot be split",
        """`split` tells samples apart by the signs of the neurons there. Samples on one line through the origin have
the same signs, or opposite ones, and at least one direction has to be left that is not split.
""",
    ),
    Code(
        "D329",
        "samples out of a certificate's reach",
        """`--certify global` has three ways. Cells are enumerated in up to four dimensions, up to 2000 of them. Branch
and bound takes separate outputs in up to 12 dimensions, with many samples fewer; it seldom ends with more than six. The
semidefinite relaxation takes up to 400 samples of any dimension, for one output or for shared neurons. Dimensions are
those of the space that the samples span; a hidden bias counts as one. These samples are out of reach of all three.
""",
    ),
    Code(
        "D330",
        "file cannot be written",
        """The folder does not exist or may not be written to. What was at the path before is untouched: files are
written whole or not at all.
""",
    ),
)
