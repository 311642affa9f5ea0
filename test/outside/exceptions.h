#pragma once

// The claims that are known not to hold, each with its reason. The test prints how often each was
// met. Data.

#include <string>

#include "outside/judge.h"

namespace tarn::outside {

// A text lists the names that it fits, separated by commas. An empty one fits all names.
struct Exception {
  const char* kinds;       // "Memory,S3"
  const char* operations;  // "Append"
  const char* actions;     // "replace"
  const char* call;        // A part of the call's name: "DELETE".
  Fault fault;
  const char* why;
};

// Null: no exception fits.
const Exception* FindException(const Case& one, const std::string& call, Fault fault);

}  // namespace tarn::outside
