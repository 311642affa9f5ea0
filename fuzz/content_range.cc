// The Content-Range of an answer.

#include "s3wire/content_range.h"

#include "base/strings.h"
#include "fuzz/target.h"

namespace tarn::fuzz {

void Try(std::string_view input) {
  const std::optional<s3wire::ContentRange> range = s3wire::ParseContentRange(input);
  if (!range) return;
  CHECK(range->first <= range->last && range->last < range->total);
  const std::string text = Concat("bytes ", range->first, "-", range->last, "/", range->total);
  const std::optional<s3wire::ContentRange> again = s3wire::ParseContentRange(text);
  CHECK(again && again->first == range->first && again->last == range->last);
  CHECK(again->total == range->total);
}

std::vector<std::string> Seeds() {
  return {"bytes 0-99/1234", "bytes 5-5/6", "bytes 0-9/*", "bytes 9-0/18446744073709551615"};
}

}  // namespace tarn::fuzz
