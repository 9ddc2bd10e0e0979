"""The convex program: what every lowering produces, and every backend takes.

| to | use |
|---|---|
| write expressions | `sizes`, `Data`, `Variable`, `Named`, operators, `Sum`, `Norm`, `pos`, ... |
| state a program | `Program`, `Term`, `Nonnegative`, `Zero`, `SecondOrder`, `Semidefinite` |
| prove it convex | `verify`, `require_convex` |
| evaluate it at a point | `evaluate`, `objective`, `violations` |
| print it | `program_text` (`.ir`), `program_unicode`, `program_latex`, `program_mathml` |
| turn it into a library's objects or code | `Translator` with a `Vocabulary` and `Objects` or `Source` |

Importing this package does not import NumPy; evaluation does.
"""

from reludsl.ir.activation import Activation
from reludsl.ir.attributes import Curvature, Monotonicity, Rule, Sign
from reludsl.ir.builders import Builder, Code, Objects, Source
from reludsl.ir.cell_form import CellForm
from reludsl.ir.custom_loss import CustomLoss
from reludsl.ir.derivative import derivative
from reludsl.ir.dims import ONE, Dim, Shape, ShapeError, as_dim, as_shape, sizes
from reludsl.ir.display import program_latex, program_mathml, program_unicode
from reludsl.ir.evaluation import BindingError, evaluate, infer_sizes, objective, violations
from reludsl.ir.expression import (
    Add,
    Constant,
    Data,
    Divide,
    Expression,
    Full,
    MatMul,
    Multiply,
    Named,
    Negate,
    Placeholder,
    Size,
    Variable,
    as_expression,
)
from reludsl.ir.feature_form import FeatureForm
from reludsl.ir.functions import (
    Apply,
    Elementwise,
    Huber,
    Hypot,
    LogSumExp,
    Max,
    Maximum,
    Minimum,
    Norm,
    SumSquares,
    absolute,
    entropy,
    exp,
    log,
    logistic,
    neg,
    pos,
    sqrt,
    square,
    step,
)
from reludsl.ir.mathematics import latex, mathml, unicode
from reludsl.ir.numpy_vocabulary import NumpyVocabulary, helper_sources, numpy_namespace
from reludsl.ir.pattern_form import PatternForm
from reludsl.ir.penalty import BlockPenalty, Penalty
from reludsl.ir.polynomial_form import PolynomialForm
from reludsl.ir.program import (
    Constraint,
    Nonnegative,
    Program,
    SecondOrder,
    Semidefinite,
    Term,
    Zero,
    total,
    walk,
)
from reludsl.ir.relaxation_form import RelaxationForm
from reludsl.ir.robust_form import RobustForm
from reludsl.ir.sample_loss import CrossEntropy, Distance, Margin, SampleLoss
from reludsl.ir.scalar import ScalarFunction, array_functions
from reludsl.ir.structure import Block, BlockDiagonal, Diagonal, Expand, Slice, Sum, Trace, Transpose, column, row
from reludsl.ir.substitution import substitute
from reludsl.ir.symmetry import is_symmetric
from reludsl.ir.text import expression_text, program_text
from reludsl.ir.training_form import Changes, Movement, TrainingForm
from reludsl.ir.translate import Translator, Untranslatable, Vocabulary, axis_keyword, chained
from reludsl.ir.verifier import Fault, NotConvex, Violation, find_fault, require_convex, verify
from reludsl.ir.wasserstein_form import WassersteinForm

__all__ = [
    "ONE",
    "Activation",
    "Add",
    "Apply",
    "BindingError",
    "Block",
    "BlockDiagonal",
    "BlockPenalty",
    "Builder",
    "CellForm",
    "Changes",
    "Code",
    "Constant",
    "Constraint",
    "CrossEntropy",
    "Curvature",
    "CustomLoss",
    "Data",
    "Diagonal",
    "Dim",
    "Distance",
    "Divide",
    "Elementwise",
    "Expand",
    "Expression",
    "Fault",
    "FeatureForm",
    "Full",
    "Huber",
    "Hypot",
    "LogSumExp",
    "Margin",
    "MatMul",
    "Max",
    "Maximum",
    "Minimum",
    "Monotonicity",
    "Movement",
    "Multiply",
    "Named",
    "Negate",
    "Nonnegative",
    "Norm",
    "NotConvex",
    "NumpyVocabulary",
    "Objects",
    "PatternForm",
    "Penalty",
    "Placeholder",
    "PolynomialForm",
    "Program",
    "RelaxationForm",
    "RobustForm",
    "Rule",
    "SampleLoss",
    "ScalarFunction",
    "SecondOrder",
    "Semidefinite",
    "Shape",
    "ShapeError",
    "Sign",
    "Size",
    "Slice",
    "Source",
    "Sum",
    "SumSquares",
    "Term",
    "Trace",
    "TrainingForm",
    "Translator",
    "Transpose",
    "Untranslatable",
    "Variable",
    "Violation",
    "Vocabulary",
    "WassersteinForm",
    "Zero",
    "absolute",
    "array_functions",
    "as_dim",
    "as_expression",
    "as_shape",
    "axis_keyword",
    "chained",
    "column",
    "derivative",
    "entropy",
    "evaluate",
    "exp",
    "expression_text",
    "find_fault",
    "helper_sources",
    "infer_sizes",
    "is_symmetric",
    "latex",
    "log",
    "logistic",
    "mathml",
    "neg",
    "numpy_namespace",
    "objective",
    "pos",
    "program_latex",
    "program_mathml",
    "program_text",
    "program_unicode",
    "require_convex",
    "row",
    "sizes",
    "sqrt",
    "square",
    "step",
    "substitute",
    "total",
    "unicode",
    "verify",
    "violations",
    "walk",
]
