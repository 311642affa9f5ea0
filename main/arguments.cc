#include "main/arguments.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "config/properties.h"
#include "main/mount_options.h"

namespace tarn {
namespace {

void Hide(char* end, size_t bytes) { std::fill_n(end - bytes, bytes, '*'); }

// Hides the secrets among the properties that the text of -o sets.
void HideInOptions(char* text) {
  for (char* at = text; *at != '\0';) {
    char* end = at;
    while (*end != '\0' && *end != ',') end += IsEscape(end) ? 2 : 1;
    const std::string_view option(at, static_cast<size_t>(end - at));
    if (IsPropertyOption(option)) Hide(end, SecretPart(option).size());
    at = *end == '\0' ? end : end + 1;
  }
}

// Where the value of -o or of -D begins in a word, which may have other flags before: "-fo".
// 0: the word has neither flag.
size_t ValueStart(std::string_view word) {
  if (!word.starts_with('-')) return 0;
  for (size_t i = 1; i < word.size() && std::isalpha(static_cast<unsigned char>(word[i])); ++i) {
    if (word[i] == 'o' || word[i] == 'D') return i + 1;
  }
  return 0;
}

void HideInValue(char flag, char* value) {
  if (flag == 'o') return HideInOptions(value);
  const std::string_view definition = value;
  Hide(value + definition.size(), SecretPart(definition).size());
}

}  // namespace

std::vector<std::string> TakeArguments(int argc, char** argv) {
  std::vector<std::string> arguments;
  for (int i = argc - 1; i > 0; --i) {
    const std::string& word = arguments.emplace_back(argv[i]);
    const size_t start = ValueStart(word);
    if (start == 0) continue;
    const char flag = word[start - 1];
    if (start < word.size()) {
      HideInValue(flag, argv[i] + start);
    } else if (i + 1 < argc) {
      HideInValue(flag, argv[i + 1]);
    }
  }
  return arguments;
}

}  // namespace tarn
