#include "rpc/coordinator/coordinator_convert.h"

#include "rpc/control.pb.h"

namespace tarn::rpc {
namespace {

void AttrToWire(const role::Attr& from, control::Attr* to) {
  to->set_ino(from.ino.value);
  to->set_type(static_cast<uint32_t>(from.type));
  to->set_mode(from.mode);
  to->set_uid(from.uid);
  to->set_gid(from.gid);
  to->set_nlink(from.nlink);
  to->set_rdev(from.rdev);
  to->set_size_bytes(from.size_bytes);
  to->set_atime_ns(from.atime_ns);
  to->set_mtime_ns(from.mtime_ns);
  to->set_ctime_ns(from.ctime_ns);
  to->set_btime_ns(from.btime_ns);
  to->set_generation(from.generation.value);
  to->set_persist(static_cast<uint32_t>(from.persist));
}

role::Attr AttrFromWire(const control::Attr& from) {
  role::Attr to;
  to.ino = InodeId(from.ino());
  to.type = static_cast<role::FileType>(from.type());
  to.mode = from.mode();
  to.uid = from.uid();
  to.gid = from.gid();
  to.nlink = from.nlink();
  to.rdev = from.rdev();
  to.size_bytes = from.size_bytes();
  to.atime_ns = from.atime_ns();
  to.mtime_ns = from.mtime_ns();
  to.ctime_ns = from.ctime_ns();
  to.btime_ns = from.btime_ns();
  to.generation = Generation(from.generation());
  to.persist = static_cast<role::PersistState>(from.persist());
  return to;
}

void BindingToWire(const role::Binding& from, control::Binding* to) {
  to->set_mount(from.mount.value);
  to->set_key(from.key);
  to->set_etag(from.etag);
  to->set_generation(from.generation.value);
  to->set_size_bytes(from.size_bytes);
}

role::Binding BindingFromWire(const control::Binding& from) {
  role::Binding to;
  to.mount = MountId(from.mount());
  to.key = from.key();
  to.etag = from.etag();
  to.generation = Generation(from.generation());
  to.size_bytes = from.size_bytes();
  return to;
}

// UfsMountInfo and UfsMountRequest begin with these four fields.
template <typename From, typename To>
void MountToWire(const From& from, To* to) {
  to->set_path(from.path);
  to->set_source(from.source);
  to->set_read_only(from.read_only);
  for (const auto& [name, value] : from.options) {
    control::UfsOption* option = to->add_options();
    option->set_name(name);
    option->set_value(value);
  }
}

template <typename To, typename From>
To MountFromWire(const From& from) {
  To to;
  to.path = from.path();
  to.source = from.source();
  to.read_only = from.read_only();
  for (const control::UfsOption& option : from.options()) {
    to.options.emplace_back(option.name(), option.value());
  }
  return to;
}

}  // namespace

void ToWire(const role::PathInfo& from, control::PathInfo* to) {
  to->set_path(from.path);
  AttrToWire(from.attr, to->mutable_attr());
  BindingToWire(from.binding, to->mutable_binding());
  to->set_symlink_target(from.symlink_target);
}

void ToWire(const role::CoordinatorControl::ListReply& from, control::ListReply* to) {
  for (const role::PathInfo& entry : from.entries) ToWire(entry, to->add_entries());
  to->set_next_cursor(from.next_cursor);
  to->set_end(from.end);
}

void ToWire(const role::QueueEntry& from, control::QueueEntry* to) {
  to->set_ino(from.ino.value);
  to->set_path(from.path);
  to->set_what(from.what);
  to->set_state(static_cast<uint32_t>(from.state));
  to->set_size_bytes(from.size_bytes);
  to->set_queued_ns(from.queued_ns);
  to->set_next_try_ns(from.next_try_ns);
  to->set_attempts(from.attempts);
  to->set_last_error(from.last_error);
  to->set_where(from.where);
}

void ToWire(const role::QueuePage& from, control::QueueReply* to) {
  for (const role::QueueEntry& entry : from.entries) ToWire(entry, to->add_entries());
  to->set_next(from.next);
}

void ToWire(const role::UfsMountInfo& from, control::UfsMountInfo* to) {
  MountToWire(from, to);
  to->set_problem(from.problem);
  to->set_skipped_keys(from.skipped_keys);
  to->set_skipped_more(from.skipped_more);
  to->set_unavailable_since_ns(from.unavailable_since_ns);
}

void ToWire(const role::UfsMountRequest& from, control::UfsMountRequest* to) {
  MountToWire(from, to);
}

role::UfsMountInfo FromWire(const control::UfsMountInfo& from) {
  auto to = MountFromWire<role::UfsMountInfo>(from);
  to.problem = from.problem();
  to.skipped_keys = from.skipped_keys();
  to.skipped_more = from.skipped_more();
  to.unavailable_since_ns = from.unavailable_since_ns();
  return to;
}

role::UfsMountRequest FromWire(const control::UfsMountRequest& from) {
  return MountFromWire<role::UfsMountRequest>(from);
}

role::PathInfo FromWire(const control::PathInfo& from) {
  role::PathInfo to;
  to.path = from.path();
  to.attr = AttrFromWire(from.attr());
  to.binding = BindingFromWire(from.binding());
  to.symlink_target = from.symlink_target();
  return to;
}

role::CoordinatorControl::ListReply FromWire(const control::ListReply& from) {
  role::CoordinatorControl::ListReply to;
  for (const control::PathInfo& entry : from.entries()) to.entries.push_back(FromWire(entry));
  to.next_cursor = from.next_cursor();
  to.end = from.end();
  return to;
}

role::QueueEntry FromWire(const control::QueueEntry& from) {
  role::QueueEntry to;
  to.ino = InodeId(from.ino());
  to.path = from.path();
  to.what = from.what();
  to.state = static_cast<role::PersistState>(from.state());
  to.size_bytes = from.size_bytes();
  to.queued_ns = from.queued_ns();
  to.next_try_ns = from.next_try_ns();
  to.attempts = from.attempts();
  to.last_error = from.last_error();
  to.where = from.where();
  return to;
}

role::QueuePage FromWire(const control::QueueReply& from) {
  role::QueuePage to;
  for (const control::QueueEntry& entry : from.entries()) to.entries.push_back(FromWire(entry));
  to.next = from.next();
  return to;
}

}  // namespace tarn::rpc
