// Site files, variables and definitions of properties.

#include "config/properties.h"

#include "base/testing/temporary_directory.h"
#include "fuzz/target.h"

namespace tarn::fuzz {
namespace {

constexpr size_t kSources = 3;

Result<Properties> LoadFrom(size_t source, std::string_view input) {
  static const TemporaryDirectory directory;
  PropertySources sources;
  if (source == 0) {
    WriteFile(directory / "tarn-site.properties", input);
    sources.directories = {directory.path()};
  }
  if (source == 1) sources.environment = Lines(input);
  if (source == 2) sources.definitions = Lines(input);
  return Properties::Load(sources);
}

}  // namespace

// What a property is shown as can be set again, and changes nothing.
void Try(std::string_view input) {
  const size_t source = TakeChoice(input, kSources);
  const Result<Properties> loaded = LoadFrom(source, input);
  if (!loaded.ok()) {
    CHECK(loaded.code() == Code::kInvalid);
    return;
  }
  Properties again = *loaded;
  again.ResolvePaths("/d");
  for (const Properties::Entry& entry : loaded->List()) {
    if (entry.source == "default" || entry.text == "******") continue;
    CHECK(again.Set(entry.name, entry.text, entry.source).ok());
    CHECK(again.Find(entry.name)->text == entry.text);
  }
}

std::vector<std::string> Seeds() {
  return {
      Chosen(0,
             "# comment\n\ntarn.log.level=debug\n"
             "alluxio.worker.page.store.pinned.file.capacity.limit.ratio: 30%\n"
             "tarn.ufs.timeout = 1.5s\ntarn.worker.readahead.max.size=16MiB\n"),
      Chosen(0, "s3a.secretKey=x\ntarn.worker.page.store.sizes=1GiB,2g\n"),
      Chosen(1, "TARN_LOG_LEVEL=warn\nALLUXIO_UFS_TIMEOUT=never\nTARN_PORT=tcp://1\nPATH=/bin"),
      Chosen(2, "tarn.fuse.threads=16\ntarn.write.cache.sync.on.close=FALSE"),
      Chosen(2, "tarn.underfs.s3.endpoint=http://u:p@h\ntarn.log.levle=x"),
  };
}

}  // namespace tarn::fuzz
