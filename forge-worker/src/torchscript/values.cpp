#include "values.h"

#include <ATen/core/function_schema.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>

namespace forge {
namespace {

constexpr char kTensor = 0, kTuple = 1, kList = 2, kDict = 3;

// The shortest decimal that reads back as `value`, written the way Python does.
std::string python_float(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  char text[40];
  auto magnitude = std::fabs(value);
  bool plain = value == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
  int whole_digits = plain && magnitude >= 1 ? static_cast<int>(std::log10(magnitude)) + 1 : 1;
  for (int digits = whole_digits; digits <= 17; ++digits) {
    snprintf(text, sizeof text, "%.*g", digits, value);
    if (std::strtod(text, nullptr) == value) break;
  }
  return strpbrk(text, ".e") ? text : std::string(text) + ".0";
}

std::string python_string(const std::string& value) {
  std::string text = "'";
  for (char c : value) {
    if (c == '\'' || c == '\\') text += '\\';
    if (c == '\n') text += "\\n";
    else text += c;
  }
  return text + "'";
}

void write_number(std::string& to, uint32_t number) {
  to.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void flatten_named(const std::string& name, const c10::IValue& value, int depth, Outputs& to) {
  write_number(to.structure, name.size());
  to.structure += name;
  flatten(value, depth, to);
}

void flatten_leaf(const c10::IValue& value, Outputs& to) {
  auto which = "output " + std::to_string(to.leaves.size()) + " is ";
  if (!value.isTensor() || !value.toTensor().defined()) {
    auto type = value.isNone() ? "None" : value.type()->annotation_str();
    auto article = value.isNone() ? "" : strchr("AEIOaeio", type[0]) ? "an " : "a ";
    throw OutputProblem(which + article + type + ", only tensors can be returned");
  }
  auto tensor = value.toTensor();
  if (tensor.layout() != at::kStrided) throw OutputProblem(which + "not a dense tensor");
  auto dense = tensor.to(at::kCPU).resolve_conj().resolve_neg().contiguous();
  to.leaves.push_back(std::make_unique<at::Tensor>(std::move(dense)));
  to.structure += kTensor;
}

}  // namespace

std::string python_repr(const c10::IValue& value) {
  if (value.isNone()) return "None";
  if (value.isBool()) return value.toBool() ? "True" : "False";
  if (value.isDouble()) return python_float(value.toDouble());
  if (value.isString()) return python_string(value.toStringRef());
  std::ostringstream text;
  if (value.isList()) {
    auto items = value.toListRef();
    for (size_t i = 0; i < items.size(); ++i) text << (i ? ", " : "[") << python_repr(items[i]);
    return items.empty() ? "[]" : text.str() + "]";
  }
  text << value;
  return text.str();
}

void flatten(const c10::IValue& value, int depth, Outputs& to) {
  if (depth >= 16) throw OutputProblem("the output nests deeper than 16 levels");
  if (value.isGenericDict()) {
    auto dict = value.toGenericDict();
    if (dict.keyType()->kind() != c10::TypeKind::StringType) {
      throw OutputProblem("an output is a dict whose keys are not strings");
    }
    to.structure += kDict;
    write_number(to.structure, dict.size());
    for (const auto& entry : dict) flatten_named(entry.key().toStringRef(), entry.value(), depth + 1, to);
  } else if (value.isTuple()) {
    const auto& items = value.toTupleRef().elements();
    auto schema = value.type()->expectRef<c10::TupleType>().schema();  // only a NamedTuple has one
    to.structure += schema ? kDict : kTuple;
    write_number(to.structure, items.size());
    for (size_t i = 0; i < items.size(); ++i) {
      if (schema) flatten_named(schema->arguments()[i].name(), items[i], depth + 1, to);
      else flatten(items[i], depth + 1, to);
    }
  } else if (value.isList()) {
    auto items = value.toListRef();
    to.structure += kList;
    write_number(to.structure, items.size());
    for (const auto& item : items) flatten(item, depth + 1, to);
  } else {
    flatten_leaf(value, to);
  }
}

}  // namespace forge
