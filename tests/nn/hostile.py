"""Five hundred texts that are no activation: some would do harm if they were run, others take for ever."""

from __future__ import annotations

from collections.abc import Iterator

CODE = [
    "__import__('os').system('touch ran')", "lambda: z", "(lambda z: z)(z)", "z.__class__", "z.real",
    "z[0]", "[z]", "{z}", "{z: z}", "z if z else 0", "z := 3", "z = 3", "z == 3", "z and 1", "not z",
    "z; z", "z, z", "print(z)", "exec('z')", "eval('z')", "open('/etc/passwd')", "globals()",
    "().__class__.__bases__[0].__subclasses__()", "f'{z}'", "'z'", '"z"', "b'z'", "`z`", "$(touch ran)",
    "$z", "${z}", "%s", "z % 2", "z // 2", "z << 3", "z | 1", "z & 1", "~z", "z @ z", "z!", "z?",
    "z -> z", "await z", "yield z", "import os", "del z", "True", "None", "nan", "inf", "NaN * z",
    "1j * z", "0x10 * z", "0b1 * z", "1_000 * z", "1e5e5 * z", "1..2", ".", "..", "z...", "# z", "z # z",
    "<script>alert(z)</script>", "../../etc/passwd", "z\\n", "\\x41", "!!python/object:os.system", "&a z",
    "*z", "np.tanh(z)", "math.sin(z)", "torch.relu(z)", "self.z", "z()", "z(z)", "3(z)", "pi()",
    "tanh(tanh)", "exp", "getattr(z, 'real')", "compile('z', '', 'eval')", "type(z)", "input()", "exit()",
    "while 1: pass", "def f(z): z",
]  # fmt: skip
BROKEN = [
    "", " ", "(", ")", "()", "((z)", "(z))", "z +", "* z", "/ z", "z * / z", "z ** ", "** z", "z ^^ z",
    "tanh", "tanh(", "tanh()", "tanh(z", "tanh(z,)", "tanh(z, z)", "tanh z", "max()", "max(z)",
    "max(z, z, z)", "clip(z)", "clip(z, 1)", "clip(z, z, 1)", "clip(z, 1, 0)", "where(z)",
    "where(z, z, z)", "where(z > 0)", "where(z > 0, z)", "z > 0", "z z", "where(z > 0, z, z, z)",
    "where(z > 0 > 1, z, 0)", "where(z => 0, z, 0)", "where(z = 0, z, 0)", "2z", "2 z", "z 2",
    "sin(z)cos(z)", "(z)(z)", "1,5 * z", "z,", ",z", "where(z > 0, where(z > 1), 0)", "sinn(z)",
    "tahn(z)", "x", "Z",
]  # fmt: skip
WITHOUT_VALUE = [
    "log(z)", "log1p(z)", "sqrt(z)", "z**0.5", "z**1.5", "z**-1", "z**-0.5", "1 / z", "z / 0", "0 / 0",
    "1 / (z - z)", "sin(z) / z", "1 / (z - 0.3)", "1 / (z - 0.3)**2", "z / (1 - z**2)", "log(z - 3)",
    "sqrt(1 - z**2)", "1 / sin(z)", "sign(z)", "where(z > 0.1, z, 0)", "where(z < 0, z, 1)",
    "sqrt(abs(z))", "abs(z)**0.3", "sin(exp(z))", "log(-1) * z", "sqrt(-2) + z", "(-1)**0.5 * z",
    "1e400 * z", "exp(1e5) * z", "1e308 * 10 * z", "9**9**9**9", "z**z", "z**sin(z)", "(-2)**z", "0**z",
    "0**-1 + z", "2**2**2**2**2**2 * z", "exp(exp(exp(exp(9)))) * z", "z**65", "z**1e9", "z**-1e300",
    "(z**60)**60", "((z**9)**9)**9", "1 / exp(-1e9) * z", "3", "pi * e", "z - z", "0 * z", "z / z",
    "where(z > 0, 2, 2)", "max(z, 1e20)", "min(abs(z), -5)", "clip(z, 1e9, 1e10)",
    "z * (sqrt(z**2 + 1) - abs(z))", "log(sin(z))",
]  # fmt: skip
ODD = [
    "é", "z é", "ｚ", "𝑧", "z\u202e", "z\u200b", "z\x00", "z\x1b[31m", "z\n", "\tz\r\n + 1", "z\u00a0+ 1",
    "π * z", "z²", "√z", "∞", "z × z", "z − 1", "“z”", "🙂(z)", "１ * z", "z\ud7ff", "tanh（z）",
]  # fmt: skip


def deep(count: int) -> Iterator[str]:
    """Nested as deep as one likes, in every way there is to nest."""
    for opened, closed in [("(", ")"), ("tanh(", ")"), ("-(", ")"), ("max(", ", 0)"), ("abs(", " - 1)")]:
        yield opened * count + "z" + closed * count
    yield "where(z > 0, " * count + "z" + ", 0)" * count
    yield "z" + "**2" * count
    yield "2**(" * count + "z" + ")" * count
    yield "-" * count * 3 + "("
    yield "1+" * count * 2
    yield "z*" * count * 2


def hostile() -> list[str]:
    """All of them, none twice."""
    texts = [*CODE, *BROKEN, *WITHOUT_VALUE, *ODD]
    for count in (41, 60, 100, 1000, 20_000):
        texts += deep(count)
    texts += ["z" * n for n in (2, 41, 499, 10_000, 80_000)] + ["9" * n + "*z" for n in (400, 498, 50_000)]
    texts += [f"{name}(z" for name in ("exp", "erf", "sinh", "log1p", "softplus", "atan")]
    texts += ["+".join(["abs(z)"] * 90), "*".join(f"(z-{i})" for i in range(90)), "z+" * 249 + "z z"]
    texts += [f"{harm} + z" for harm in CODE] + [f"tanh({harm})" for harm in CODE]
    texts += [f"z * {bad}" for bad in BROKEN if bad.strip()] + [f"max({bad}, 0" for bad in BROKEN]
    texts += [f"{odd} * tanh(z)" for odd in ODD]
    return list(dict.fromkeys(texts))
