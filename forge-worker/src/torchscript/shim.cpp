// The C face of torch::jit::Module that the TorchScript engine calls (ffi.rs declares the same functions; docs/adr/0003
// says why it is not tch's CModule). No exception leaves this file: each fallible function answers a Status and, where
// that is not kFine, a text that forge_text_free gives back. Tensors cross as at::Tensor*, which is what a tch::Tensor
// holds.
#include <ATen/Version.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/jit_exception.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/version.h>

#include <cstdlib>
#include <cstring>

#include "values.h"

namespace {

using forge::OutputProblem;
using forge::Outputs;

// Same numbers as `Status` in ffi.rs.
enum Status : int32_t { kFine = 0, kThrew = 1, kOutOfMemory = 2, kOutput = 3, kOther = 4 };

struct Model {
  torch::jit::Module module;
  torch::jit::Method forward;
};

struct CallProblem : std::runtime_error {
  using std::runtime_error::runtime_error;
};

Status say(Status status, const std::string& text, char** error) {
  *error = strdup(text.c_str());
  return status;
}

// What a failed operation says, without the interpreter's traceback before it.
std::string reason(const std::string& text) {
  auto start = text.rfind("\nRuntimeError: ");
  auto last_line = start == std::string::npos ? text : text.substr(start + 1);
  return last_line.substr(0, last_line.find_last_not_of('\n') + 1);
}

// A model's own `raise`, as Python would print it.
std::string raised(const torch::jit::JITException& e) {
  auto message = e.getOriginalMsg().value_or(reason(e.what()));
  auto name = e.getPythonClassName().value_or("");
  name = name.substr(name.rfind('.') + 1);
  return name.empty() ? message : name + ": " + message;
}

// The interpreter rethrows whatever an operation threw as a plain runtime_error, so that only the text tells that it was
// memory.
bool tells_out_of_memory(const std::string& text) {
  static const char* const signs[] = {"DefaultCPUAllocator: can't allocate memory",
                                      "DefaultCPUAllocator: not enough memory",
                                      "CUDA out of memory",
                                      "CUDA error: out of memory",
                                      "CUBLAS_STATUS_ALLOC_FAILED",
                                      "std::bad_alloc"};
  for (auto sign : signs) {
    if (text.find(sign) != std::string::npos) return true;
  }
  return false;
}

// Runs `body` and turns what it throws into a status; `otherwise` is the status of an exception of no special type.
template <class Body>
Status guarded(Status otherwise, char** error, Body body) noexcept {
  auto sort = [&](const std::string& text) {
    return say(tells_out_of_memory(text) ? kOutOfMemory : otherwise, reason(text), error);
  };
  try {
    body();
    return kFine;
  } catch (const OutputProblem& e) {
    return say(kOutput, e.what(), error);
  } catch (const CallProblem& e) {
    return say(kOther, e.what(), error);
  } catch (const torch::jit::JITException& e) {
    return say(otherwise, raised(e), error);
  } catch (const c10::OutOfMemoryError& e) {
    return say(kOutOfMemory, e.what_without_backtrace(), error);
  } catch (const c10::Error& e) {
    return sort(e.what_without_backtrace());
  } catch (const std::bad_alloc& e) {
    return say(kOutOfMemory, "the worker is out of memory", error);
  } catch (const std::exception& e) {
    return sort(e.what());
  } catch (...) {
    return say(kOther, "libtorch threw something that is no exception", error);
  }
}

// The tensors in the places of their arguments; what is null takes its default.
torch::jit::Stack arguments(const Model& model, at::Tensor* const* inputs, size_t count) {
  const auto& declared = model.forward.function().getSchema().arguments();  // the first is self
  if (count + 1 > declared.size()) throw CallProblem("the model takes fewer arguments than it was given");
  torch::jit::Stack stack;
  for (size_t i = 0; i + 1 < declared.size(); ++i) {
    const auto& argument = declared[i + 1];
    if (i < count && inputs[i]) stack.emplace_back(*inputs[i]);
    else if (argument.default_value()) stack.push_back(*argument.default_value());
    else if (argument.type()->kind() == c10::TypeKind::OptionalType) stack.emplace_back();
    else throw CallProblem("the model's argument " + argument.name() + " is missing and has no default");
  }
  return stack;
}

}  // namespace

extern "C" {

const char* forge_torch_version() { return TORCH_VERSION; }

// "AVX512", "AVX2", "DEFAULT", …: what ATen's kernels were picked for.
char* forge_cpu_capability() { return strdup(at::get_cpu_capability().c_str()); }

bool forge_tells_out_of_memory(const char* text) { return tells_out_of_memory(text); }

Status forge_model_load(const char* path, const char* device, Model** model, char** error) {
  return guarded(kOther, error, [&] {
    auto module = torch::jit::load(path, c10::Device(device));
    module.eval();
    auto forward = module.find_method("forward");
    if (!forward) throw CallProblem("the model has no method forward");
    *model = new Model{std::move(module), std::move(*forward)};
  });
}

void forge_model_free(Model* model) { delete model; }

// Tells each argument of forward but self: name, torch's type text, default as Python prints it or null.
Status forge_model_arguments(const Model* model, void (*tell)(void*, const char*, const char*, const char*),
                             void* context, char** error) {
  return guarded(kOther, error, [&] {
    const auto& declared = model->forward.function().getSchema().arguments();
    for (size_t i = 1; i < declared.size(); ++i) {
      auto type = declared[i].type()->annotation_str();
      auto value = declared[i].default_value() ? forge::python_repr(*declared[i].default_value()) : "";
      tell(context, declared[i].name().c_str(), type.c_str(), declared[i].default_value() ? value.c_str() : nullptr);
    }
  });
}

// Not InferenceMode: a model may turn gradients on for a part of its forward (forces as derivatives of an energy).
Status forge_model_run(Model* model, at::Tensor* const* inputs, size_t count, Outputs** outputs, char** error) {
  return guarded(kThrew, error, [&] {
    at::NoGradGuard no_grad;
    auto returned = model->forward(arguments(*model, inputs, count));
    auto flat = std::make_unique<Outputs>();
    forge::flatten(returned, 0, *flat);
    *outputs = flat.release();
  });
}

size_t forge_outputs_count(const Outputs* outputs) { return outputs->leaves.size(); }

// The caller owns what it takes. Each leaf can be taken once.
at::Tensor* forge_outputs_take(Outputs* outputs, size_t leaf) { return outputs->leaves[leaf].release(); }

const char* forge_outputs_structure(const Outputs* outputs, size_t* length) {
  *length = outputs->structure.size();
  return outputs->structure.data();
}

void forge_outputs_free(Outputs* outputs) { delete outputs; }

void forge_text_free(char* text) { free(text); }
}
