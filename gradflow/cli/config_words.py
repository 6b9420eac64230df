"""The keys of configs and the names that values have, for completion, which loads no schema.

Written by `python -m tests.cli.schema_words`.
"""

from __future__ import annotations

KEYS = {  # what every config has; -> the names of values, apart by spaces
    "name": "",
    "seed": "",
    "seeds": "",
    "model.depth": "",
    "model.width": "",
    "model.activation": (
        "linear tanh sigmoid gelu silu mish softplus softsign erf sin relu leaky_relu relu6 "
        "squared_relu hard_tanh hard_sigmoid hard_swish elu selu celu expression swish logistic "
        "identity leakyrelu hardtanh hardsigmoid hardswish hard_silu"
    ),
    "model.init": (
        "xavier_normal xavier_uniform he_normal he_uniform lecun_normal lecun_uniform "
        "truncated_normal orthogonal gaussian torch_default torch_trunc_normal constant "
        "glorot_normal glorot_uniform kaiming_normal kaiming_uniform"
    ),
    "model.bias": "zeros constant",
    "model.readout": "linear zeros none",
    "model.block": "plain residual",
    "model.norm": "none layer rms batch",
    "data": "digits gaussian teacher spirals inline csv npz",
    "training.steps": "",
    "training.batch_size": "",
    "training.loss": "cross_entropy mse",
    "training.optimizer": "sgd adam adamw rmsprop",
    "training.schedule": "constant warmup cosine",
    "training.clip_norm": "",
    "training.dtype": "float32 float64",
    "training.evaluate": "auto",
    "training.stop.loss": "",
    "training.stop.accuracy": "",
    "training.stop.plateau": "",
    "recording.every": "",
    "recording.critical_lr": "auto initial both none",
    "recording.jacobian": "true false",
    "recording.precision": "true false",
    "analysis.stable_decades": "",
    "analysis.patience": "",
    "analysis.frozen_ratio": "",
    "analysis.stall_share": "",
    "analysis.stall_steps": "",
    "analysis.spike_factor": "",
    "analysis.swing_share": "",
    "analysis.jump_decades": "",
    "analysis.saturated_share": "",
    "analysis.dead_growth": "",
    "analysis.clipped_share": "",
}
ENTRIES = {  # what some entries of a table take
    "model.activation.name": (
        "linear tanh sigmoid gelu silu mish softplus softsign erf sin relu leaky_relu relu6 "
        "squared_relu hard_tanh hard_sigmoid hard_swish elu selu celu expression swish logistic "
        "identity leakyrelu hardtanh hardsigmoid hardswish hard_silu"
    ),
    "model.activation.slope": "",
    "model.activation.alpha": "",
    "model.activation.value": "",
    "model.activation.kinks_at": "",
    "model.init.name": (
        "xavier_normal xavier_uniform he_normal he_uniform lecun_normal lecun_uniform "
        "truncated_normal orthogonal gaussian torch_default torch_trunc_normal constant "
        "glorot_normal glorot_uniform kaiming_normal kaiming_uniform"
    ),
    "model.init.gain": "",
    "model.init.mode": "fan_in fan_out fan_avg",
    "model.init.correct": "true false",
    "model.init.sigma_w": "",
    "model.init.sigma_b": "",
    "model.init.std": "",
    "model.init.value": "",
    "model.bias.name": "zeros constant",
    "model.bias.value": "",
    "model.block.name": "plain residual",
    "model.block.scale": "",
    "model.block.train_scale": "true false",
    "model.norm.name": "none layer rms batch",
    "model.norm.place": "before after",
    "model.norm.eps": "",
    "model.norm.affine": "true false",
    "data.name": "digits gaussian teacher spirals inline csv npz",
    "data.standardize": "true false",
    "data.test_fraction": "",
    "data.seed": "",
    "data.samples": "",
    "data.features": "",
    "data.classes": "",
    "data.outputs": "",
    "data.width": "",
    "data.depth": "",
    "data.noise": "",
    "data.turns": "",
    "data.x": "",
    "data.y": "",
    "data.task": "classification regression",
    "data.path": "",
    "data.target": "",
    "data.sha256": "",
    "data.delimiter": "comma semicolon tab space pipe",
    "data.decimal": "point comma",
    "data.drop": "",
    "data.test_path": "",
    "data.test_sha256": "",
    "training.optimizer.name": "sgd adam adamw rmsprop",
    "training.optimizer.lr": "",
    "training.optimizer.momentum": "",
    "training.optimizer.nesterov": "true false",
    "training.optimizer.weight_decay": "",
    "training.optimizer.beta1": "",
    "training.optimizer.beta2": "",
    "training.optimizer.eps": "",
    "training.optimizer.alpha": "",
    "training.schedule.name": "constant warmup cosine",
    "training.schedule.steps": "",
    "training.schedule.warmup": "",
    "training.schedule.final": "",
}
