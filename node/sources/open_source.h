#pragma once

// Opens the under file system of a source.

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "config/properties.h"
#include "node/mount_checks.h"
#include "node/source_options.h"
#include "ufs/skipped_keys.h"
#include "ufs/under_file_system.h"

namespace tarn {

struct OpenSourceOptions {
  std::string state_directory;  // Has the journals that outlive the process.
  bool read_only = false;
  std::string journal_name = "s3-uploads";  // The journal's file there; one for each source.
  ufs::SkippedKeys* skipped = nullptr;      // See ufs::s3::S3Options.
};

// Asks the store. kNotFound, kPermission, kUnavailable. kInvalid: a property has a senseless value.
// `clock` outlives the store.
Result<std::unique_ptr<ufs::UnderFileSystem>> OpenSource(const Source& source,
                                                         const Properties& properties,
                                                         const OpenSourceOptions& options,
                                                         Clock& clock,
                                                         const ufs::CallOptions& call);

// How long a source that was never mounted here may take to answer.
Nanos MountTimeout(const Properties& properties);
// `failure`, with the property that limited the wait in its message.
Status NotInTime(const Status& failure, const Properties& properties);

// What the source can hold, as far as that is known without asking it.
ufs::UfsTraits ExpectedTraits(const Source& source, const Properties& base,
                              const SourceOptions& options);

}  // namespace tarn
