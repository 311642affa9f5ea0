#pragma once

// A directory for one test, removed with its contents at the end. For tests.

#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>

namespace tarn {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    const char* base = getenv("TMPDIR");
    path_ = std::string(base != nullptr ? base : "/var/tmp") + "/tarn-test.XXXXXX";
    EXPECT_NE(mkdtemp(path_.data()), nullptr);
  }
  ~TemporaryDirectory() { RemoveTree(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  static void RemoveTree(const std::string& path);
  std::string path_;
};

}  // namespace tarn
