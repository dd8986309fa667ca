import asyncio, importlib.util, os, re, sys, types
from dataclasses import dataclass

import torch

# torch.jit.script does not compile every model. One that it refuses is traced when a batch of its
# inputs stands here: two rows, of the shape and dtype that the model takes.
examples = {
    # "NAME": torch.rand(2, 768),
}

@dataclass
class ModelConfig:  # as in the Python Forge
    batch_window_ms: float = 50.0
    max_batch_size: int = 32
    max_queue_depth: int = 256
    request_timeout_s: float = 30.0
    device: str = "cpu"
    num_threads: int = 4

class ModelRegistry(dict):
    async def register(self, name, model, config=None):
        self[name] = model.eval(), config or ModelConfig()

forge = types.ModuleType("forge")
forge.ModelConfig, forge.ModelRegistry = ModelConfig, ModelRegistry
sys.modules.update({"forge": forge, "forge.config": forge, "forge.registry": forge})

spec = importlib.util.spec_from_file_location("forge_config", sys.argv[1])
program = sys.modules["forge_config"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)
registry = ModelRegistry()
asyncio.run(program.setup(registry))

exported, failed = {}, []
for name, (model, config) in registry.items():
    path = re.sub(r"[^A-Za-z0-9._-]", "-", name) + ".pt"
    if path in exported or os.path.exists(path):
        sys.exit(f"{path} exists already; move it away, or it would be overwritten")
    try:
        if name in examples:
            exported[path] = torch.jit.trace(model, examples[name]), config
        else:
            exported[path] = torch.jit.script(model), config
    except Exception as error:
        print(f"{name} cannot be exported: {error}\n", file=sys.stderr)
        failed.append(name)
if failed:
    lines = "".join(f'\n    "{name}": torch.rand(2, 768),' for name in failed)
    sys.exit(f"nothing is exported; put a batch into `examples` in {sys.argv[0]}, such as{lines}")
for path, (module, config) in exported.items():
    module.save(path)
    print(f"{path} is exported; its settings were {config}")
if not exported:
    sys.exit("setup registered no model")
