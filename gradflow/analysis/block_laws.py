"""What theory says of blocks beside a stream, by where their norms stand, and the law that this is."""

from __future__ import annotations

PRE = (
    "pre-norm blocks: their norms follow a power of the block, not c^L, since the stream grows by what each "
    "adds; for blocks of one matrix its exponent is 0.50 (relu) to 0.59 (tanh), and it is smaller the more "
    "tokens attention averages over"
)
POST = (
    "post-norm blocks: their norms follow c^L, with a c that depends on what the blocks hold, which theory "
    "knows for blocks of one matrix only"
)
BARE = (
    "blocks without norms: their norms follow c^L, with a c that depends on what the blocks hold and on the "
    "scale of their branches, which is not known"
)
INSIDE = (
    "blocks with norms inside their branches: their norms follow a power of the block, not c^L, since what a "
    "block adds does not grow with the stream; the exponent depends on what the blocks hold"
)
FUNCTIONS = (
    "blocks with norms that are functions, not modules: where these stand is not known, and so no law is"
)
LAWS = {  # None of blocks whose law is not known
    PRE: "power", POST: "exponential", INSIDE: "power", BARE: "exponential", FUNCTIONS: None,
}  # fmt: skip
