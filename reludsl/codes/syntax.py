"""What the text of a spec may not look like: the pages of P1xx."""

from __future__ import annotations

from reludsl.codes.page import Code

PAGES = (
    Code(
        "P100",
        "unexpected text",
        """The text does not fit the grammar here, and no more particular message applies. The label lists what
would have fitted. The grammar is small: sections, options `name = value` in braces, declarations
`role name : type` in the data section.

Wrong:

    loss hinge { margin = 1 = 2 }

Right:

    loss hinge { margin = 1 }
""",
    ),
    Code(
        "P101",
        "missing edition line",
        """A spec begins with a line that names the edition of the language it is written in, so that it keeps
its meaning when the language grows. Only comments may stand before it, and it stands once.

Wrong:

    loss hinge

Right:

    reludsl 1

    loss hinge
""",
    ),
    Code(
        "P102",
        "option without a value",
        """An option is `name = value` on one line. To leave an option at its default, leave it out.

Wrong:

    formulation sampled {
      patterns =
      seed     = 0
    }

Right:

    formulation sampled {
      patterns = 400
      seed     = 0
    }
""",
    ),
    Code(
        "P103",
        "section without a kind",
        """A section names what it settles and of which kind the answer is: the loss is a hinge, the solver is
ADMM. `data` and `hyperparameters` have no kinds; their entries follow in braces.

Wrong:

    loss { margin = 1 }

Right:

    loss hinge { margin = 1 }
""",
    ),
    Code(
        "P104",
        "another sign for `=`",
        """An option gets its value by one `=`. A colon stands only in the data section, between a name and its
type.

Wrong:

    loss hinge { margin: 1 }

Right:

    loss hinge { margin = 1 }
""",
    ),
    Code(
        "P105",
        "sign after a section's name",
        """A section's kind follows its name without any sign; a sign `=` belongs to options, which stand in
the braces of their section.

Wrong:

    loss = hinge

Right:

    loss hinge
""",
    ),
    Code(
        "P106",
        "entries on one line without a comma",
        """Entries end at the end of their line or at a comma. Two that share a line need the comma, in braces
as well as in parentheses.

Wrong:

    formulation sampled { patterns = 400 seed = 0 }

Right:

    formulation sampled { patterns = 400, seed = 0 }
""",
    ),
    Code(
        "P107",
        "brace that is never closed",
        """Each `{` is closed by a `}` after its last entry, before the next section begins. The label shows
the brace that is still open there.

Wrong:

    loss hinge { margin = 1

    solver cvxpy

Right:

    loss hinge { margin = 1 }

    solver cvxpy
""",
    ),
    Code(
        "P108",
        "declaration without a role",
        """The data section holds declarations: a role, a name and a type. The role says what the array is for,
as `input` or `target`. Options of a declaration follow it in braces.

Wrong:

    data { X : matrix[n, d] }

Right:

    data { input X : matrix[n, d] }
""",
    ),
    Code(
        "P109",
        "opening brace on the next line",
        """A section without braces is complete at the end of its line, so the brace has to stand on that line.

Wrong:

    loss hinge
    {
      margin = 1
    }

Right:

    loss hinge {
      margin = 1
    }
""",
    ),
    Code(
        "P110",
        "parenthesis that is never closed",
        """Each `(` is closed by a `)` before the braces around it are. Line ends inside of parentheses mean
nothing, so the mistake may show only on a later line.

Wrong:

    hyperparameters { epsilon = 2 * (4 / 255 }

Right:

    hyperparameters { epsilon = 2 * (4 / 255) }
""",
    ),
    Code(
        "P111",
        "option without `=`",
        """An option is `name = value`. Nothing is switched on by being named alone.

Wrong:

    loss hinge { margin }

Right:

    loss hinge { margin = 1 }
""",
    ),
    Code(
        "P112",
        "unknown edition",
        """The spec is written in an edition of the language that this version of reludsl cannot read. Since an
edition may change the meaning of words, nothing else in the spec was looked at.

Wrong:

    reludsl 2

Right:

    reludsl 1
""",
    ),
    Code(
        "P113",
        "text that is not closed",
        """Text in double quotes ends on its line. A quotation mark inside it is written `\\"`.

Wrong:

    data { target y : binary[n] { positive = "M } }

Right:

    data { target y : binary[n] { positive = "M" } }
""",
    ),
    Code(
        "P114",
        "single quotes",
        """Text stands in double quotes only.

Wrong:

    data { target y : binary[n] { positive = 'M' } }

Right:

    data { target y : binary[n] { positive = "M" } }
""",
    ),
    Code(
        "P115",
        "unknown character",
        """The character begins no word, number or sign of the language. Characters that only look like a sign
of the language are meant as well: typographic quotes and dashes, non-breaking spaces. Outside of
double quotes and comments, names are made of the letters a to z in both cases, digits and `_`.

Wrong:

    hyperparameters { β = 1e-3 }

Right:

    hyperparameters { beta = 1e-3 }
""",
    ),
    Code(
        "P116",
        "comma with nothing before it",
        """A comma separates two entries or items. One may trail after the last, but none stands before the
first, and no two stand in a row.

Wrong:

    loss hinge { margin = 1,, reduction = mean }

Right:

    loss hinge { margin = 1, reduction = mean }
""",
    ),
    Code(
        "P117",
        "square bracket that is never closed",
        """Each `[` is closed by a `]` before the braces around it are. Line ends inside of square brackets
mean nothing, so the mistake may show only on a later line.

Wrong:

    data { input X : matrix[n, d] { columns = ["age", "mass" } }

Right:

    data { input X : matrix[n, d] { columns = ["age", "mass"] } }
""",
    ),
    Code(
        "P118",
        "closing sign that closes nothing",
        """A `}`, `)` or `]` has no partner before it. Either it is one too many, or the opening one is
missing.

Wrong:

    loss hinge { margin = 1 } }

Right:

    loss hinge { margin = 1 }
""",
    ),
    Code(
        "P119",
        "empty spec",
        """The text holds nothing but blanks and comments. The smallest spec has an edition line and the
sections `data`, `architecture` and `loss`.

Wrong:

    # nothing yet

Right:

    reludsl 1
""",
    ),
    Code(
        "P120",
        "value nested too deeply",
        """A value has more levels of calls, lists and operations than any spec needs. Long sums count, since
each `+` adds a level. Name parts of the value in the section `hyperparameters`.
""",
    ),
    Code(
        "P121",
        "unknown escape",
        """In double quotes, a backslash is written `\\\\` and a quotation mark `\\"`. No other escape exists.

Wrong:

    data { target y : binary[n] { positive = "a\\b" } }

Right:

    data { target y : binary[n] { positive = "a\\\\b" } }
""",
    ),
    Code(
        "P122",
        "malformed number",
        """Numbers are written as `3`, `0.5` or `1e-3`, with a point and without separators of thousands. A
name does not begin with a digit, and a product needs its `*`.

Wrong:

    solver admm { max_iterations = 10_000 }

Right:

    solver admm { max_iterations = 10000 }
""",
    ),
    Code(
        "P123",
        "two values side by side",
        """Between two values stands an operator; in lists and calls, a comma may stand there too.

Wrong:

    regularizer weight_decay { strength = 2 beta }

Right:

    regularizer weight_decay { strength = 2 * beta }
""",
    ),
    Code(
        "P124",
        "options outside of braces",
        """The options of a section or a declaration stand in braces. Indentation alone has no meaning.

Wrong:

    loss hinge
      margin = 1

Right:

    loss hinge {
      margin = 1
    }
""",
    ),
    Code(
        "P125",
        "operand missing",
        """Each operator stands between two values; only `-` may also stand before one. There is no operator
for powers.

Wrong:

    hyperparameters { epsilon = 8 / }

Right:

    hyperparameters { epsilon = 8 / 255 }
""",
    ),
    Code(
        "P126",
        "text after the end of a section",
        """The edition line and each section end with their line; what follows begins a new one.

Wrong:

    loss hinge { margin = 1 } solver cvxpy

Right:

    loss hinge { margin = 1 }
    solver cvxpy
""",
    ),
    Code(
        "P127",
        "declaration without a type",
        """A declaration names the type of its array after a colon, as `matrix[n, d]`. Dimensions that have the
same name have to agree in the data.

Wrong:

    data { input X }

Right:

    data { input X : matrix[n, d] }
""",
    ),
    Code(
        "P128",
        "kind for a section that has none",
        """`data` and `hyperparameters` have no kinds and no names. Which file the data come from is said when
the spec is solved, not in the spec.

Wrong:

    data iris { input X : matrix[n, d] }

Right:

    data { input X : matrix[n, d] }
""",
    ),
    Code(
        "P129",
        "hyphen in a name",
        """Names are made of letters, digits and `_`. A hyphen is the operator minus.

Wrong:

    regularizer weight-decay

Right:

    regularizer weight_decay
""",
    ),
    Code(
        "P130",
        "wrong kind of bracket",
        """Braces hold the entries of sections and declarations, parentheses the arguments of a value, square
brackets lists and dimensions.

Wrong:

    data { input X : matrix(n, d) }

Right:

    data { input X : matrix[n, d] }
""",
    ),
    Code(
        "P131",
        "comment of another language",
        """A comment begins with `#` and ends with its line.

Wrong:

    loss hinge // the margin is 1

Right:

    loss hinge  # the margin is 1
""",
    ),
)
