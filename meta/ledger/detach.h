#pragma once

// Takes a name from a file because the UFS has another object, or none, under it. Nothing may be
// deleted there. For one transaction, which the caller commits.

#include <string_view>

#include "base/status.h"
#include "kv/store.h"
#include "meta/store/context.h"
#include "meta/store/records.h"

namespace tarn::meta {

// Takes the name `name` in `parent` from the file and puts the record. The caller has removed the
// dentry. A file with other names keeps them, bound to the object that the UFS has under one of
// them, or to none. A file without other names becomes an orphan.
Status DetachName(const Context& context, kv::Transaction& txn, InodeRecord& inode, InodeId parent,
                  std::string_view name);

}  // namespace tarn::meta
