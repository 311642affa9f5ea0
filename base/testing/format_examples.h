#pragma once

// The tables of doc/format.md and doc/cache-format.md. A row is a field of a record, with its type
// and the bytes and value of an example. A test reads a table, checks each row (ValueOf), and
// compares the bytes of all rows with the bytes that the code writes. For tests; not thread-safe.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/strings.h"

namespace tarn {

struct FormatRow {
  std::string field;
  std::string type;
  std::string bytes;  // Decoded from hexadecimal.
  std::string value;
};

inline std::vector<std::string> CellsOf(std::string_view line) {
  std::vector<std::string> cells;
  for (size_t begin = 1; begin < line.size();) {
    const size_t end = std::min(line.find('|', begin), line.size());
    cells.emplace_back(Trimmed(line.substr(begin, end - begin)));
    begin = end + 1;
  }
  return cells;
}

inline std::string WithoutSpaces(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ') out += c;
  }
  return out;
}

// The rows between the heading `### heading` and the next one; empty if there is no such heading. A
// row has five cells: field, type, bytes, value, meaning. Every other line is skipped.
inline std::vector<FormatRow> FormatTable(const std::string& document, std::string_view heading) {
  std::ifstream file(document);
  std::vector<FormatRow> rows;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#")) inside = line == Concat("### ", heading);
    if (!inside || !line.starts_with("| ")) continue;
    const std::vector<std::string> cells = CellsOf(line);
    if (cells.size() != 5 || cells[2] == "bytes") continue;
    rows.push_back({cells[0], cells[1], FromHex(WithoutSpaces(cells[2])).value_or(""), cells[3]});
  }
  return rows;
}

inline std::string BytesOf(const std::vector<FormatRow>& rows) {
  std::string bytes;
  for (const FormatRow& row : rows) bytes += row.bytes;
  return bytes;
}

inline std::string InHex(std::string_view bytes) { return Hex(std::as_bytes(std::span(bytes))); }

// Text stands between backticks in the documents, other bytes in hexadecimal.
inline std::string ShownBytes(std::string_view bytes) {
  for (const char c : bytes) {
    if (c < ' ' || c > '~') return InHex(bytes);
  }
  return Concat("`", bytes, "`");
}

inline std::string ReadByType(Reader& in, std::string_view type) {
  if (type == "u8") return std::to_string(in.U8());
  if (type == "u64") return Concat("0x", InHex(in.Fixed(8)));
  if (type == "i64") return std::to_string(static_cast<int64_t>(in.Big64()));
  if (type == "varint") return std::to_string(in.Varint());
  if (type == "svarint") return std::to_string(in.SignedVarint());
  if (type == "string") return ShownBytes(in.String());
  if (type == "bytes") return ShownBytes(in.Fixed(in.rest().size()));
  return Concat("unknown type ", type);
}

// The value of a row's bytes by its type, as a document writes it. It equals the row's `value`,
// unless the row is wrong.
inline std::string ValueOf(const FormatRow& row) {
  Reader in(row.bytes);
  std::string value = ReadByType(in, row.type);
  const Status whole = in.Finish(row.field);
  return whole.ok() ? value : whole.message();
}

// The headings `### x` of a document.
inline std::vector<std::string> FormatHeadings(const std::string& document) {
  std::ifstream file(document);
  std::vector<std::string> headings;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("### ")) headings.push_back(line.substr(4));
  }
  return headings;
}

}  // namespace tarn
