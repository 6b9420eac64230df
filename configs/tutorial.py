# From the chain rule to a residual network, in ten cells: a notebook for VS Code, Jupyter or python.

# %% [markdown]
# # Why gradients vanish, and what keeps them alive
#
# A network of L layers passes the gradient from the last layer to the first by the chain rule:
#
#     dLoss/dz_l = phi'(z_l) * (W_(l+1)^T dLoss/dz_(l+1))
#
# Each layer multiplies its norm by a factor, by weights and by slopes. If that is c in every layer, L
# layers make c^L of it. gradflow measures c, says which factor is to blame, and what theory expects.

# %%
import gradflow

# %% [markdown]
# ## The textbook's number
# One number a layer first: linear layers of 0.9 times an orthogonal matrix pass exactly 0.9, and 50 of
# them 0.9^50.

# %%
textbook = gradflow.run(
    {
        "name": "textbook",
        "model": {
            "depth": 51,
            "width": 64,
            "activation": "linear",
            "init": {"name": "orthogonal", "gain": 0.9},
        },
        "data": {"name": "gaussian", "samples": 256, "features": 64, "classes": 10, "seed": 0},
        "training": {"steps": 0, "dtype": "float64"},
    },
    quiet=True,
)
flow = textbook.summary.flow.initial
print(
    f"c = {flow.c:.6f}, and layer 1 gets {10**flow.log10_ratio:.4f} of the gradient: 0.9^50 = {0.9**50:.4f}"
)

# %% [markdown]
# ## Weights times slopes
# With an activation there is a second factor, its slopes. Xavier's weights pass about 1, and so it is the
# slopes of the sigmoid, at most 1/4 each, that take the gradient away.

# %%
NET = {
    "name": "net",
    "model": {"depth": 20, "width": 64, "activation": "sigmoid", "init": "xavier_normal"},
    "training": {"steps": 0},
}
sigmoid = gradflow.run(NET, name="sigmoid", quiet=True)
flow = sigmoid.summary.flow.initial
print(f"sigmoid: c = {flow.c:.3f}, {flow.verdict}")
print(f"weights {flow.weight_factor:.3f} x slopes {flow.slope_factor:.3f}")

# %% [markdown]
# ## What theory expects
# In a wide network z is Gaussian, and c^2 = sigma_w^2 E phi'(z)^2 is an integral. The weights that make it
# 1 are the critical ones: below, gradients vanish, above, they explode.

# %%
expected = gradflow.theory(activation="tanh", sigma_w=[0.8, 1.0, 1.3], sigma_b=0.05, depth=20)
for one in expected:
    print(f"tanh, sigma_w = {one.values['model.init.sigma_w']}: c = {one.theory.c:.3f}, {one.theory.phase}")
critical = gradflow.theory(activation="tanh", sigma_w=1.0, sigma_b=0.05, depth=20).theory.critical_sigma_w
print(f"tanh is critical at sigma_w = {critical:.4f}")

# %%
tanh = gradflow.run(
    NET,
    name="tanh",
    activation="tanh",
    init={"name": "gaussian", "sigma_w": critical, "sigma_b": 0.05},
    quiet=True,
)
flow = tanh.summary.flow.initial
print(f"measured there: c = {flow.c:.3f} within [{flow.c_low:.3f}, {flow.c_high:.3f}]: {flow.verdict}")

# %% [markdown]
# ## An activation of one's own
# Any formula of z is an activation: its slope is taken by the rules of calculus, and theory knows it, too.

# %%
own = gradflow.run(
    NET,
    name="own",
    activation={"name": "expression", "value": "z * tanh(log1p(exp(z)))"},
    init="he_normal",
    quiet=True,
)
flow = own.summary.flow.initial
print(
    f"{own.config.model.activation.value}: c = {flow.c:.3f}, theory {own.summary.theory.c_finite_width:.3f}"
)

# %% [markdown]
# ## A residual network
# A skip passes the gradient around the layer: z' = z + s (W phi(z) + b). With branches of scale 1 /
# sqrt(L) the gradient stays of one size at any depth.

# %%
block = {"name": "residual", "scale": "1/sqrt(depth)"}
residual = gradflow.run(NET, name="residual", activation="relu", init="he_normal", block=block, quiet=True)
plain = gradflow.run(NET, name="plain", activation="relu", quiet=True)
for name, run in (("plain", plain), ("residual", residual)):
    flow = run.summary.flow.initial
    print(f"{name}: {flow.log10_ratio:+.2f} decades from layer 20 to layer 1: {flow.verdict}")

# %% [markdown]
# ## Does it train?
# 50 steps of each: the loss of the plain sigmoid network stands still, that of the residual one falls.

# %%
for name, run in (("sigmoid", sigmoid), ("residual", residual)):
    trained = gradflow.run(run.config, name=f"{name}-trained", steps=50, lr=0.1, quiet=True)
    loss = trained.summary.training
    print(f"{name}: loss {loss.loss_initial:.3f} to {loss.loss_final:.3f}")
