// TorchScript's values for people and for Rust: defaults as Python prints them, outputs as a list of tensors.
#pragma once

#include <ATen/core/ivalue.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace forge {

// What a forward returned, taken apart. `structure` tells how the leaves nest, in the encoding of forge_ipc::Structure:
// depth first a tag byte, then for all but a leaf a count (u32) and so many children, each child of a dict by its key
// (u32 length, bytes) first.
struct Outputs {
  std::vector<std::unique_ptr<at::Tensor>> leaves;  // dense, contiguous, on the CPU
  std::string structure;
};

// A model returned something that is no nest of tensors.
struct OutputProblem : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// `value` as Python's repr writes it.
std::string python_repr(const c10::IValue& value);

// Appends `value`, which lies `depth` levels deep, to `to`. Throws OutputProblem.
void flatten(const c10::IValue& value, int depth, Outputs& to);

}  // namespace forge
