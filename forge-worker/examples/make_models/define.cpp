// Makes TorchScript files from source text. Only the model maker links this.
#include <ATen/core/jit_type.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/frontend/resolver.h>
#include <torch/csrc/jit/frontend/sugared_value.h>

#include <cstdlib>
#include <cstring>
#include <exception>

namespace {

using torch::jit::Module;

// Knows `fork`, as files that torch.jit.save wrote may say; define() alone does not.
struct Resolver : torch::jit::NativeResolver {
  std::shared_ptr<torch::jit::SugaredValue> resolveValue(const std::string& name, torch::jit::GraphFunction& function,
                                                         const torch::jit::SourceRange& place) override {
    if (name == "fork") return torch::jit::SpecialFormValue::create(torch::jit::prim::fork);
    return NativeResolver::resolveValue(name, function, place);
  }
};

// Runs `body`; its exception as a text for forge_define_text_free, or null.
template <class Body>
char* guarded(Body body) noexcept {
  try {
    body();
    return nullptr;
  } catch (const c10::Error& e) {
    return strdup(e.what_without_backtrace());
  } catch (const std::exception& e) {
    return strdup(e.what());
  } catch (...) {
    return strdup("libtorch threw something that is no exception");
  }
}

}  // namespace

extern "C" {

// Saves a module with the methods of `source` and so many parameters and, behind them, buffers.
char* forge_define(const char* source, const char* const* names, at::Tensor* const* tensors, size_t parameters,
                   size_t buffers, const char* path) {
  return guarded([&] {
    Module module("Model");
    for (size_t i = 0; i < parameters; ++i) module.register_parameter(names[i], *tensors[i], false);
    for (size_t i = parameters; i < parameters + buffers; ++i) module.register_buffer(names[i], *tensors[i]);
    module.define(source, std::make_shared<Resolver>());
    module.save(path);
  });
}

// Saves forward(x) = Halves(low=x / 2, high=x * 2) with a NamedTuple, which define() has no words for.
char* forge_define_named_tuple(const char* path) {
  return guarded([&] {
    Module module("Model");
    module.define("def parts(self, x: Tensor) -> Tuple[Tensor, Tensor]:\n    return x / 2, x * 2\n");
    auto graph = torch::jit::toGraphFunction(module.get_method("parts").function()).graph()->copy();
    auto unnamed = graph->outputs().at(0)->node();
    auto tensor = c10::TensorType::get();
    std::vector<std::string> names{"low", "high"};
    auto named = c10::TupleType::createNamed(c10::QualifiedName("__torch__.Halves"), names, {tensor, tensor});
    unnamed->output()->setType(named);
    auto unit = module._ivalue()->compilation_unit();
    unit->register_type(named);
    auto function = unit->create_function(c10::QualifiedName(*module.type()->name(), "forward"), graph);
    module.type()->addMethod(function);
    module.save(path);
  });
}

void forge_define_text_free(char* text) { free(text); }
}
