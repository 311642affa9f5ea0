#pragma once

// A name that a file loses because the UFS has another object, or none, under it: nothing of it is
// to be deleted there. For one transaction, which the caller commits.

#include <string_view>

#include "base/status.h"
#include "kv/store.h"
#include "meta/store/context.h"
#include "meta/store/records.h"

namespace tarn::meta {

// Takes the name `name` in `parent`, whose dentry the caller has removed, from the file, and puts
// the record. A file with other names goes on under them, bound to what the UFS has under one, or
// to nothing. Without any it is an orphan.
Status DetachName(const Context& context, kv::Transaction& txn, InodeRecord& inode, InodeId parent,
                  std::string_view name);

}  // namespace tarn::meta
