"""The parameters of a search space: a list of choices, a range of whole or of real numbers, or a
source.

A number of a range is rounded before anything is made of it: to the next whole number or step, or
to so many digits as the range states. So a configuration has one key, whoever proposed it, and a
range has a known, if large, count of values. A range on a logarithmic scale has its real numbers
rounded to `digits` significant digits each; another, to that digit for all which is the
`digits`-th of its largest number.
"""

from haqa_bench.parameters.choices import Choices as Choices
from haqa_bench.parameters.code import Code as Code
from haqa_bench.parameters.parameter import MOST as MOST
from haqa_bench.parameters.parameter import Parameter as Parameter
from haqa_bench.parameters.ranges import FloatRange as FloatRange
from haqa_bench.parameters.ranges import IntRange as IntRange
from haqa_bench.parameters.ranges import Range as Range
from haqa_bench.parameters.scalars import plain as plain
