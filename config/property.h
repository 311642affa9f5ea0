#pragma once

// All properties as typed constants. property::kSyncOnClose is a PropertyKey<bool>, so that neither
// a misspelt name nor a wrong type compiles. The rows are in property_table.inc, which also gives
// doc/configuration.md.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/status.h"

namespace tarn {

enum class PropertyType : uint8_t {
  kBool,
  kInt,
  kSize,      // In bytes; ParseSize reads it.
  kDuration,  // ParseDuration reads it.
  kRatio,     // 0 to 1, or 0% to 100%.
  kString,
  kAddress,  // A server's address: a string without the name and password of a user.
  kChoice,   // One of the allowed words, in any case.
  kSecret,   // A string that is shown as "******".
  kSizes,    // Separated by commas.
  kStrings,  // Separated by commas.
  kPath,     // A file or directory; see Properties::ResolvePaths.
  kPaths,    // Separated by commas.
};

enum class PropertyScope : uint8_t { kAll, kCoordinator, kWorker, kClient, kFuse };

using PropertyValue = std::variant<bool, int64_t, uint64_t, Nanos, double, std::string,
                                   std::vector<uint64_t>, std::vector<std::string>>;

namespace property {

template <PropertyType>
struct CppType {
  using Type = std::string;
};
template <>
struct CppType<PropertyType::kBool> {
  using Type = bool;
};
template <>
struct CppType<PropertyType::kInt> {
  using Type = int64_t;
};
template <>
struct CppType<PropertyType::kSize> {
  using Type = uint64_t;
};
template <>
struct CppType<PropertyType::kDuration> {
  using Type = Nanos;
};
template <>
struct CppType<PropertyType::kRatio> {
  using Type = double;
};
template <>
struct CppType<PropertyType::kSizes> {
  using Type = std::vector<uint64_t>;
};
template <>
struct CppType<PropertyType::kStrings> {
  using Type = std::vector<std::string>;
};
template <>
struct CppType<PropertyType::kPaths> {
  using Type = std::vector<std::string>;
};

enum class Row : size_t {
#define TARN_PROPERTY(constant, kind, name, default_text, allowed, scope, doc) constant,
#include "config/property_table.inc"
#undef TARN_PROPERTY
};

}  // namespace property

template <typename T>
struct PropertyKey {
  property::Row row;
};

namespace property {
#define TARN_PROPERTY(constant, kind, name, default_text, allowed, scope, doc) \
  inline constexpr PropertyKey<CppType<PropertyType::kind>::Type> constant{Row::constant};
#include "config/property_table.inc"
#undef TARN_PROPERTY
}  // namespace property

struct PropertyRow {
  std::string_view constant;
  PropertyType type;
  std::string_view name;
  std::string_view default_text;
  std::string_view allowed;  // "A|B", "least..most", or empty.
  PropertyScope scope;
  std::string_view doc;
};

std::span<const PropertyRow> PropertyTable();
std::string_view ScopeName(PropertyScope scope);
// kInvalid: the message says what is wrong with `text` and what would be right. It does not have
// the property's name.
Result<PropertyValue> ParseProperty(const PropertyRow& row, std::string_view text);
// Why it makes no difference what the property is set to: a sentence that begins with "No effect".
// Empty: it makes one. Such properties are accepted so that site files can be shared.
std::string_view WhyNoEffect(const PropertyRow& row);
// `text`, or "******" for a secret.
std::string ShownProperty(const PropertyRow& row, std::string_view text);
// The text of doc/configuration.md.
std::string ConfigurationMarkdown();

}  // namespace tarn
