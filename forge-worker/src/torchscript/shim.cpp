// The C face of torch::jit::Module that the TorchScript engine calls (ffi.rs declares the same functions; docs/adr/0003
// says why it is not tch's CModule). No exception leaves this file: each fallible function answers a Status and, where
// that is not kFine, a text that forge_text_free gives back. Tensors cross as at::Tensor*, what a tch::Tensor holds.
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/jit_exception.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/version.h>

#include <cstring>
#include <map>
#include <utility>

#include "reads.h"
#include "values.h"

namespace {

using namespace forge;
using torch::jit::Module;

// Same numbers as in ffi.rs.
enum Variant : int32_t { kFrozen, kForInference };

// A buffer as it was, to tell whether a run changed it and to put it back.
struct Buffer { std::string name; at::Tensor tensor, copy; int64_t version; };

struct Model {
  Model(Module loaded, c10::Device device)
      : module(std::move(loaded)), forward(module.get_method("forward")), device(device) {}
  const std::vector<c10::Argument>& arguments() const { return forward.function().getSchema().arguments(); }
  Module module;
  torch::jit::Method forward;
  c10::Device device;
  std::vector<Buffer> buffers;
};

template <class Body>
Status guarded(char** error, Body body) noexcept {
  auto say = [&](Status status, const std::string& text) { return *error = strdup(text.c_str()), status; };
  try { return body(), kFine; }
  catch (const Problem& e) { return say(e.status, e.what()); }
  catch (const torch::jit::JITException& e) {  // a model's own `raise`, as Python would print it
    auto name = e.getPythonClassName().value_or("");
    name = name.substr(name.rfind('.') + 1);
    return say(kRaised, (name.empty() ? "" : name + ": ") + e.getOriginalMsg().value_or(e.what()));
  }
  catch (const c10::OutOfMemoryError& e) { return say(kMemory, e.what_without_backtrace()); }
  catch (const c10::Error& e) { return say(kTorch, e.what_without_backtrace()); }
  catch (const std::bad_alloc&) { return say(kMemory, "the worker is out of memory"); }
  catch (const std::exception& e) { return say(kTorch, e.what()); }
  catch (...) { return say(kTorch, "libtorch threw something that is no exception"); }
}

torch::jit::Stack stack_of(const Model& model, const Given* given, size_t count) {
  const auto& declared = model.arguments();  // the first is self
  if (count >= declared.size()) throw Problem(kCall, "the model takes fewer arguments than it was given");
  torch::jit::Stack stack;
  for (size_t i = 0; i + 1 < declared.size(); ++i) {
    const auto& argument = declared[i + 1];
    if (i < count && given[i].kind != kDefault) stack.push_back(value_of(given[i]));
    else if (argument.default_value()) stack.push_back(*argument.default_value());
    else if (argument.type()->kind() == c10::TypeKind::OptionalType) stack.emplace_back();
    else throw Problem(kCall, "the model's argument " + argument.name() + " is missing and has no default");
  }
  return stack;
}

// Puts a buffer back: its contents, or itself where the model replaced it.
void put_back(Module module, const Buffer& buffer) {
  auto path = buffer.name;
  for (size_t dot; (dot = path.find('.')) != std::string::npos; path = path.substr(dot + 1))
    module = module.attr(path.substr(0, dot)).toModule();
  buffer.tensor.copy_(buffer.copy);
  module.setattr(path, buffer.tensor);
}

}  // namespace

extern "C" {

const char* forge_torch_version() { return TORCH_VERSION; }
void forge_start_inter_op_threads() noexcept { at::launch([] {}); }
char* forge_cpu_capability() noexcept { return strdup(at::get_cpu_capability().c_str()); }

// Dynamic fusion alone: a kernel compiled for one shape would stall the first batch of every other.
Status forge_model_load(const char* path, const char* device, Model** model, char** error) {
  return guarded(error, [&] {
    torch::jit::FusionStrategy dynamic{{torch::jit::FusionBehavior::DYNAMIC, 20}};
    torch::jit::setFusionStrategy(dynamic);
    c10::Device placed(device);
    auto module = torch::jit::load(path, placed);
    if (!module.find_method("forward")) throw Problem(kCall, "the model has no method forward");
    module.eval();
    *model = new Model(std::move(module), placed);
  });
}

Status forge_model_variant(const Model* model, Variant variant, Model** made, char** error) {
  return guarded(error, [&] {
    auto frozen = torch::jit::freeze(model->module);
    *made = new Model(variant == kFrozen ? frozen : torch::jit::optimize_for_inference(frozen), model->device);
  });
}

void forge_model_free(Model* model) { delete model; }

// Where that cannot be told, it does not.
bool forge_model_only_reads(const Model* model) noexcept {
  try { return model->device.is_cpu() && only_reads(model->forward.function()); }
  catch (...) { return false; }
}

// Tells each argument of forward but self: name, torch's type text, and its default encoded as an output would be.
// No default is null, one that no output could be is empty.
Status forge_model_arguments(const Model* model, void (*tell)(void*, const char*, const char*, const char*, size_t),
                             void* context, char** error) {
  return guarded(error, [&] {
    for (size_t i = 1; i < model->arguments().size(); ++i) {
      const auto& argument = model->arguments()[i];
      Outputs value;
      char* why = nullptr;
      if (argument.default_value() && guarded(&why, [&] { flatten(*argument.default_value(), 0, value); }) != kFine)
        value.structure.clear();
      free(why);
      tell(context, argument.name().c_str(), argument.type()->annotation_str().c_str(),
           argument.default_value() ? value.structure.data() : nullptr, value.structure.size());
    }
  });
}

// Tells the first parameter of two dimensions or more, which is that of the first layer: its name and dimensions.
Status forge_model_first_weight(const Model* model, void (*tell)(void*, const char*, const int64_t*, size_t),
                                void* context, char** error) {
  return guarded(error, [&] {
    for (const auto& parameter : model->module.named_parameters()) {
      auto sizes = parameter.value.sizes();
      if (sizes.size() >= 2) return tell(context, parameter.name.c_str(), sizes.data(), sizes.size());
    }
  });
}

// Returns when the device is done: what runs on a GPU is only queued by then, and its time would count as that of the
// copies that wait for it. Not InferenceMode: a model may turn gradients on for a part of its forward (forces as derivatives of an energy).
Status forge_model_run(Model* model, const Given* given, size_t count, Outputs** outputs, char** error) {
  return guarded(error, [&] {
    at::NoGradGuard no_grad;
    auto made = std::make_unique<Outputs>();
    made->returned = model->forward(stack_of(*model, given, count));
    if (!model->device.is_cpu()) {
      c10::impl::VirtualGuardImpl guard(model->device.type());
      guard.synchronizeStream(guard.getStream(model->device));
    }
    *outputs = made.release();
  });
}

// Remembers every buffer as it is now, or forgets them all.
Status forge_model_remember(Model* model, bool remember, char** error) {
  return guarded(error, [&] {
    model->buffers.clear();
    if (remember)
      for (const auto& buffer : model->module.named_buffers())
        model->buffers.push_back({buffer.name, buffer.value, buffer.value.clone(), buffer.value._version()});
  });
}

// Tells the remembered buffers that are no longer as they were, and puts them back.
Status forge_model_restore(Model* model, void (*tell)(void*, const char*), void* context, char** error) {
  return guarded(error, [&] {
    at::NoGradGuard no_grad;
    if (model->buffers.empty()) return;
    std::map<std::string, at::Tensor> now;
    for (const auto& buffer : model->module.named_buffers()) now[buffer.name] = buffer.value;
    for (auto& was : model->buffers) {
      const auto& tensor = now[was.name];
      if (tensor.is_same(was.tensor) && tensor._version() == was.version) continue;
      tell(context, was.name.c_str());
      put_back(model->module, was);
      was.version = was.tensor._version();
    }
  });
}

// Takes apart what a forward returned; its tensors lie on the CPU afterwards.
Status forge_outputs_bring_home(Outputs* outputs, char** error) {
  return guarded(error, [&] {
    at::NoGradGuard no_grad;
    flatten(std::exchange(outputs->returned, IValue()), 0, *outputs);
  });
}

size_t forge_outputs_count(const Outputs* outputs) { return outputs->leaves.size(); }
// The caller owns what it takes. Each leaf can be taken once.
at::Tensor* forge_outputs_take(Outputs* outputs, size_t leaf) noexcept {
  return new at::Tensor(std::move(outputs->leaves[leaf]));
}
const char* forge_outputs_structure(const Outputs* outputs, size_t* length) {
  return *length = outputs->structure.size(), outputs->structure.data();
}
void forge_outputs_free(Outputs* outputs) { delete outputs; }
void forge_text_free(char* text) { free(text); }
}
