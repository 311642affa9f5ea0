#include <algorithm>
#include <charconv>
#include <optional>

#include "base/strings.h"
#include "base/units.h"
#include "config/property.h"

namespace tarn {
namespace {

constexpr PropertyRow kTable[] = {
#define TARN_PROPERTY(constant, kind, name, default_text, allowed, scope, doc) \
  {#constant, PropertyType::kind, name, default_text, allowed, PropertyScope::scope, doc},
#include "config/property_table.inc"
#undef TARN_PROPERTY
};

Status Invalid(std::string_view text, std::string_view why) {
  return Status(Code::kInvalid, Concat("\"", text, "\" ", why));
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  if (Trimmed(text).empty()) return parts;
  for (;;) {
    const size_t at = text.find(separator);
    parts.push_back(Trimmed(text.substr(0, at)));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

Result<bool> ParseBool(std::string_view text) {
  if (EqualsIgnoringCase(text, "true")) return true;
  if (EqualsIgnoringCase(text, "false")) return false;
  return Invalid(text, "is neither true nor false");
}

Result<int64_t> ParseInt(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return Invalid(text, "is not a whole number: write for example 4");
  }
  return value;
}

Result<double> ParseRatio(std::string_view text) {
  const bool percent = text.ends_with('%');
  const std::string_view number = percent ? text.substr(0, text.size() - 1) : text;
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (percent) value /= 100;
  const bool parsed =
      !number.empty() && error == std::errc() && end == number.data() + number.size();
  if (!parsed || !(value >= 0 && value <= 1)) {
    return Invalid(text, "is not between 0 and 1: write for example 0.3 or 30%");
  }
  return value;
}

Result<std::string> ParseChoice(std::string_view allowed, std::string_view text) {
  std::string words;
  for (const std::string_view word : Split(allowed, '|')) {
    if (EqualsIgnoringCase(word, text)) return std::string(word);
    words += Concat(words.empty() ? "" : ", ", word);
  }
  return Invalid(text, Concat("is not one of ", words));
}

Result<std::vector<uint64_t>> ParseSizes(std::string_view text) {
  std::vector<uint64_t> sizes;
  for (const std::string_view part : Split(text, ',')) {
    ASSIGN_OR_RETURN(const uint64_t size, ParseSize(part));
    sizes.push_back(size);
  }
  return sizes;
}

Result<std::vector<std::string>> ParseStrings(std::string_view text) {
  std::vector<std::string> strings;
  for (const std::string_view part : Split(text, ',')) {
    if (part.empty()) return Invalid(text, "has an empty part between its commas");
    strings.emplace_back(part);
  }
  return strings;
}

// An address is shown, and stored if it is an option of a mount. The text may hold a secret, so no
// message has it.
Status CheckAddress(std::string_view text) {
  if (text.find('@') == std::string_view::npos) return OkStatus();
  return Status(
      Code::kInvalid,
      "is an address with a user's name or password before an \"@\", and every user of "
      "this machine can see it; write the address alone, keys of a store into s3a.accessKeyId and "
      "s3a.secretKey, and a proxy that wants a password into the variable https_proxy "
      "(for a store at http://, http_proxy)");
}

template <typename T>
Result<PropertyValue> Wrapped(Result<T> parsed) {
  if (!parsed.ok()) return std::move(parsed).status();
  return PropertyValue(std::move(parsed).value());
}

Result<PropertyValue> ParseUnbounded(const PropertyRow& row, std::string_view text) {
  switch (row.type) {
    case PropertyType::kBool:
      return Wrapped(ParseBool(text));
    case PropertyType::kInt:
      return Wrapped(ParseInt(text));
    case PropertyType::kSize:
      return Wrapped(ParseSize(text));
    case PropertyType::kDuration:
      return Wrapped(ParseDuration(text));
    case PropertyType::kRatio:
      return Wrapped(ParseRatio(text));
    case PropertyType::kChoice:
      return Wrapped(ParseChoice(row.allowed, text));
    case PropertyType::kSizes:
      return Wrapped(ParseSizes(text));
    case PropertyType::kStrings:
    case PropertyType::kPaths:
      return Wrapped(ParseStrings(text));
    case PropertyType::kAddress:
      RETURN_IF_ERROR(CheckAddress(text));
      [[fallthrough]];
    case PropertyType::kString:
    case PropertyType::kPath:
    case PropertyType::kSecret:
      return PropertyValue(std::string(text));
  }
  DieBecause(__FILE__, __LINE__, "property of unknown type");
}

struct Range {
  std::string_view least;
  std::string_view most;
};

std::optional<Range> RangeOf(const PropertyRow& row) {
  const size_t dots = row.allowed.find("..");
  if (row.type == PropertyType::kChoice || dots == std::string_view::npos) return std::nullopt;
  return Range{row.allowed.substr(0, dots), row.allowed.substr(dots + 2)};
}

}  // namespace

std::span<const PropertyRow> PropertyTable() { return kTable; }

std::string_view WhyNoEffect(const PropertyRow& row) {
  return row.doc.starts_with("No effect") ? row.doc : std::string_view();
}

std::string_view ScopeName(PropertyScope scope) {
  switch (scope) {
    case PropertyScope::kAll:
      return "all";
    case PropertyScope::kCoordinator:
      return "coordinator";
    case PropertyScope::kWorker:
      return "worker";
    case PropertyScope::kClient:
      return "client";
    case PropertyScope::kFuse:
      return "fuse";
  }
  return "unknown";
}

Result<PropertyValue> ParseProperty(const PropertyRow& row, std::string_view text) {
  text = Trimmed(text);
  ASSIGN_OR_RETURN(PropertyValue value, ParseUnbounded(row, text));
  const std::optional<Range> range = RangeOf(row);
  if (!range) return value;
  ASSIGN_OR_RETURN(const PropertyValue least, ParseUnbounded(row, range->least));
  ASSIGN_OR_RETURN(const PropertyValue most, ParseUnbounded(row, range->most));
  if (value >= least && value <= most) return value;
  if (least == most) return Invalid(text, Concat("is not ", range->least, ", which is fixed"));
  return Invalid(text, Concat("is not between ", range->least, " and ", range->most));
}

std::string ShownProperty(const PropertyRow& row, std::string_view text) {
  if (row.type == PropertyType::kSecret && !text.empty()) return "******";
  return std::string(text);
}

}  // namespace tarn
