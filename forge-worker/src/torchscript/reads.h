// Whether a graph leaves its tensor arguments alone: then they can be views of memory that the model must not write to
// and that is another batch's afterwards. Only shim.cpp includes this.
#pragma once

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <string>

namespace forge {

// What is known of an operation: it is one of libtorch's own, runs no code that is not in the graph, and outlives
// nothing. Values end up elsewhere than in a tensor or an output only by way of an attribute, or of a list or dict that
// is written to.
inline bool keeps_nothing(const torch::jit::Node& node) {
  namespace prim = c10::prim;
  const auto kind = node.kind();
  if (!kind.is_prim() && !kind.is_aten()) return false;
  if (kind == prim::SetAttr || kind == prim::fork || kind == prim::awaitable) return false;
  // These make one tensor share the memory of another, which their schemas do not tell.
  const std::string name = kind.toUnqualString();
  if (name == "set_" || name == "set_data") return false;
  if (node.hasSideEffects() && kind != prim::RaiseException && kind != prim::Print && kind != c10::aten::warn)
    return false;
  const auto* schema = node.maybeSchema();
  if (schema == nullptr) return true;
  for (const auto& argument : schema->arguments())
    if (argument.alias_info() != nullptr && argument.alias_info()->isWrite() &&
        argument.type()->kind() != c10::TypeKind::TensorType)
      return false;
  return true;
}

inline bool keeps_nothing(at::ArrayRef<const torch::jit::Block*> blocks) {
  for (const auto* block : blocks)
    for (const auto* node : block->nodes())
      if (!keeps_nothing(*node) || !keeps_nothing(node->blocks())) return false;
  return true;
}

// May throw, where the analysis does not know an operation.
inline bool only_reads(const torch::jit::Function& forward) {
  auto graph = torch::jit::toGraphFunction(forward).graph()->copy();
  torch::jit::Inline(*graph);
  const torch::jit::Block* top = graph->block();
  if (!keeps_nothing(at::ArrayRef<const torch::jit::Block*>(top))) return false;
  const torch::jit::AliasDb aliases(graph);
  for (const auto* input : graph->inputs().slice(1))  // the first is self
    if (aliases.hasWriters(input)) return false;
  return true;
}

}  // namespace forge
