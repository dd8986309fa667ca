// TorchScript's values between C++ and Rust: arguments on their way in, outputs on their way out. Only shim.cpp
// includes this.
#pragma once

#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace forge {

using c10::IValue;

// Same numbers as in ffi.rs; the tags are those of forge_ipc::Structure.
enum Status : int32_t { kFine, kRaised, kMemory, kOutput, kCall, kTorch };
enum Kind : int32_t { kDefault, kTensor, kTensors, kNone, kBool, kInt, kFloat, kStr, kInts, kFloats };
enum Tag : char { tTensor, tTuple, tList, tDict, tNone, tFalse, tTrue, tInt, tFloat, tStr };

struct Problem : std::runtime_error {
  Problem(Status status, const std::string& text) : std::runtime_error(text), status(status) {}
  Status status;
};

// What an argument gets: one value at `data`, or `count` of them.
struct Given { Kind kind; const void* data; size_t count; };

// What a forward returned, and then that taken apart: the tensors, and how they nest as forge_ipc::Structure encodes it.
struct Outputs { IValue returned; std::vector<at::Tensor> leaves; std::string structure; };

template <class T>
const T* at_data(const Given& given) { return static_cast<const T*>(given.data); }

inline IValue value_of(const Given& given) {
  switch (given.kind) {
    case kTensor: return *at_data<at::Tensor>(given);
    case kTensors: {
      c10::List<at::Tensor> list;
      for (size_t i = 0; i < given.count; ++i) list.push_back(*at_data<at::Tensor*>(given)[i]);
      return list;
    }
    case kBool: return *at_data<bool>(given);
    case kInt: return *at_data<int64_t>(given);
    case kFloat: return *at_data<double>(given);
    case kStr: return std::string(at_data<char>(given), given.count);
    case kInts: return c10::List<int64_t>(at::IntArrayRef(at_data<int64_t>(given), given.count));
    case kFloats: return c10::List<double>(at::ArrayRef<double>(at_data<double>(given), given.count));
    default: return IValue();
  }
}

template <class T>
void write(Outputs& to, T number) { to.structure.append(reinterpret_cast<const char*>(&number), sizeof number); }

inline void write_text(Outputs& to, const std::string& text) {
  write(to, static_cast<uint32_t>(text.size()));
  to.structure += text;
}

inline void flatten(const IValue& value, int depth, Outputs& to) {
  auto open = [&](Tag tag, size_t count) { to.structure += tag, write(to, static_cast<uint32_t>(count)); };
  if (depth >= 16) throw Problem(kOutput, "the output nests deeper than 16 levels");
  if (value.isTensor() && value.toTensor().defined()) {
    if (value.toTensor().layout() != at::kStrided) throw Problem(kOutput, "the output holds a tensor that is not dense");
    to.leaves.push_back(value.toTensor().to(at::kCPU).resolve_conj().resolve_neg().contiguous());
    to.structure += tTensor;
  } else if (value.isGenericDict()) {
    auto dict = value.toGenericDict();
    auto has_names = dict.keyType()->kind() == c10::TypeKind::StringType;
    if (!has_names) throw Problem(kOutput, "the output holds a dict whose keys are not strings");
    open(tDict, dict.size());
    for (const auto& entry : dict) write_text(to, entry.key().toStringRef()), flatten(entry.value(), depth + 1, to);
  } else if (value.isTuple()) {
    const auto& items = value.toTupleRef().elements();
    auto named = value.type()->expectRef<c10::TupleType>().schema();  // only a NamedTuple has one
    open(named ? tDict : tTuple, items.size());
    for (size_t i = 0; i < items.size(); ++i) {
      if (named) write_text(to, named->arguments()[i].name());
      flatten(items[i], depth + 1, to);
    }
  } else if (value.isList()) {
    open(tList, value.toListRef().size());
    for (const auto& item : value.toListRef()) flatten(item, depth + 1, to);
  }
  else if (value.isNone() || value.isTensor()) to.structure += tNone;
  else if (value.isBool()) to.structure += value.toBool() ? tTrue : tFalse;
  else if (value.isInt()) to.structure += tInt, write(to, value.toInt());
  else if (value.isDouble()) to.structure += tFloat, write(to, value.toDouble());
  else if (value.isString()) to.structure += tStr, write_text(to, value.toStringRef());
  else throw Problem(kOutput, "the output holds an object of type " + value.type()->annotation_str());
}

}  // namespace forge
