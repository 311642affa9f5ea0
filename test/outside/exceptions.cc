#include "outside/exceptions.h"

#include <string_view>

#include "base/strings.h"

namespace tarn::outside {
namespace {

constexpr char kCopies[] =
    "Exchange,Link,LinkAndRemove,LinkAndRename,LinkPersistAndRemove,Rename,RenameDirectory,"
    "RenameOver,RenamePartlyCached,WriteAndLink";

// Met at the last measurement. The causes were mended since, and that was not measured: an entry
// that is met no more goes.
constexpr char kMeasureAgain[] = "to be measured again after its mend";

constexpr Exception kAll[] = {
    {"S3", "", "", "DELETE", Fault::kTheirsGone,
     "a DELETE has no precondition: what comes after the HEAD before it is deleted (doc/s3.md)"},
    {"S3", kCopies, "", "PUT", Fault::kTheirsGone,
     "a copy has no precondition of its target: what comes after the HEAD before it is replaced "
     "(doc/s3.md)"},
    {"S3", kCopies, "", "HEAD", Fault::kTheirsGone,
     "a copy has no precondition of its target: what comes after the HEAD before it is replaced "
     "(doc/s3.md)"},
    {"", "", "make a directory", "", Fault::kWaits, kMeasureAgain},
    {"", "", "make a directory", "", Fault::kUnseen, kMeasureAgain},
    {"", "Exchange,RenameOver", "", "", Fault::kUnseen, kMeasureAgain},
    {"", "LinkAndRename", "", "", Fault::kWaits, kMeasureAgain},
    {"Local", "CreateInDirectory,MakeDirectory,RenameDirectory", "", "SetAttributes",
     Fault::kTheirsSet, kMeasureAgain},
    {"Local", "WriteTwice", "write in place", "", Fault::kDiffers, kMeasureAgain},
    {"", "", "", "", Fault::kWrongError, kMeasureAgain},
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
