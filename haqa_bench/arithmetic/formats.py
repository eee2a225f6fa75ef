"""llama.cpp's quantization formats in the words of papers."""

import re


def bit_width_of(name: str) -> str:
    """The bit-width that a format is one of: FP16 for F16 and BF16, INT8 for Q8_0, INT4 for Q4_K_M
    and IQ4_NL; else the name as it is.
    """
    found = re.match(r"(B?F|I?Q)(\d+)", name)
    return ("FP" if found[1].endswith("F") else "INT") + found[2] if found else name
