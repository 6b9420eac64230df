# Your own PyTorch model: its gradient flow at initialization and as it trains, as a notebook in cells.

# %% [markdown]
# # Your own PyTorch model
# `pip install 'gradflow-lab[torch]'`. Put your model, loss and batches in place of the ones here.

# %%
import torch
from torch import nn

import gradflow
import gradflow.torch as gft

torch.manual_seed(0)
hidden = [layer for _ in range(12) for layer in (nn.Tanh(), nn.Linear(64, 64))]
model = nn.Sequential(nn.Linear(16, 64), *hidden, nn.Tanh(), nn.Linear(64, 4))
x, y = torch.randn(128, 16), torch.randint(0, 4, (128,))
loss_fn = nn.CrossEntropyLoss()

# %% [markdown]
# ## At initialization
# `probe` draws copies of the model anew, by its own modules, and looks at one pass of each: nothing is
# trained.

# %%
before = gft.probe(model, loss_fn, (x, y), seeds=4, save="runs/drawn")
flow = before.summary.flow.initial
print(f"c = {flow.c:.3f} within [{flow.c_low:.3f}, {flow.c_high:.3f}]: {flow.verdict}")

# %% [markdown]
# ## What to change
# PyTorch's own init gives weights of variance 1 / (3 n): too small for tanh. Xavier's are near the
# critical ones.

# %%
for layer in model:
    if isinstance(layer, nn.Linear):
        nn.init.xavier_normal_(layer.weight)
        nn.init.zeros_(layer.bias)

# %% [markdown]
# ## As it trains
# `watch` records every so many steps; what is saved is a run, for `gradflow show`, `compare`, `report` and
# `plot`.

# %%
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
with gft.watch(model, every=5, save="runs/trained", quiet=True) as watched:
    for _ in range(21):
        loss = loss_fn(model(x), y)
        loss.backward()
        watched.step(loss=loss)
        optimizer.step()
        optimizer.zero_grad()
print(f"c = {watched.c:.3f}")

# %% [markdown]
# ## Afterwards
# The run is on the disk, and Python opens it again: by its path, as each training leaves one of its own.

# %%
after = gradflow.load(watched.run.path)
flow = after.summary.flow.final
print(f"after step {flow.step}: c = {flow.c:.3f}, {flow.verdict}")
