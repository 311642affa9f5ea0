#include "outside/exceptions.h"

#include <string_view>

#include "base/strings.h"

namespace tarn::outside {
namespace {

constexpr char kCopies[] =
    "Exchange,Link,LinkAndRemove,LinkAndRename,LinkPersistAndRemove,Rename,RenameDirectory,"
    "RenameOver,RenamePartlyCached,WriteAndLink";

constexpr Exception kAll[] = {
    {"S3", "", "", "DELETE", Fault::kTheirsGone,
     "a DELETE has no precondition: what comes after the HEAD before it is deleted (doc/s3.md)"},
    {"S3", kCopies, "", "PUT", Fault::kTheirsGone,
     "a copy has no precondition of its target: what comes after the HEAD before it is replaced "
     "(doc/s3.md)"},
    {"S3", kCopies, "", "HEAD", Fault::kTheirsGone,
     "a copy has no precondition of its target: what comes after the HEAD before it is replaced "
     "(doc/s3.md)"},
    // Met only with TARN_TEST_LONG=1.
    {"", "LinkAndRename", "make a directory", "", Fault::kUnseen,
     "a file that is LOST keeps its name until it is removed, and hides a directory that was made "
     "in its place (doc/metadata.md)"},
};

bool Fits(std::string_view list, std::string_view name) {
  return list.empty() || Concat(",", list, ",").find(Concat(",", name, ",")) != std::string::npos;
}

}  // namespace

const Exception* FindException(const Case& one, const std::string& call, Fault fault) {
  for (const Exception& exception : kAll) {
    const bool fits = Fits(exception.kinds, NameOf(one.kind)) &&
                      Fits(exception.operations, one.operation->name) &&
                      Fits(exception.actions, NameOf(one.action)) &&
                      call.find(exception.call) != std::string::npos && exception.fault == fault;
    if (fits) return &exception;
  }
  return nullptr;
}

}  // namespace tarn::outside
