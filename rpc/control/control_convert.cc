#include "rpc/control/control_convert.h"

#include <grpc/grpc.h>
#include <grpcpp/support/status.h>

#include "rpc/control.pb.h"

namespace tarn::rpc {
namespace {

// Our codes travel as themselves, behind a gRPC code that says as much as it can: the one table
// between the two.
struct CodeRow {
  Code code;
  grpc::StatusCode wire;
};
constexpr CodeRow kCodes[] = {
    {Code::kNotFound, grpc::StatusCode::NOT_FOUND},
    {Code::kExists, grpc::StatusCode::ALREADY_EXISTS},
    {Code::kPermission, grpc::StatusCode::PERMISSION_DENIED},
    {Code::kNotPermitted, grpc::StatusCode::PERMISSION_DENIED},
    {Code::kInvalid, grpc::StatusCode::INVALID_ARGUMENT},
    {Code::kNoSpace, grpc::StatusCode::RESOURCE_EXHAUSTED},
    {Code::kUnsupported, grpc::StatusCode::UNIMPLEMENTED},
    {Code::kConflict, grpc::StatusCode::ABORTED},
    {Code::kUnavailable, grpc::StatusCode::UNAVAILABLE},
    {Code::kDeadlineExceeded, grpc::StatusCode::DEADLINE_EXCEEDED},
    {Code::kCancelled, grpc::StatusCode::CANCELLED},
    {Code::kCorruption, grpc::StatusCode::DATA_LOSS},
};

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

// UfsMountInfo and UfsMountRequest have the same first four fields.
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
  for (const control::UfsOption& option : from.options())
    to.options.emplace_back(option.name(), option.value());
  return to;
}

}  // namespace

void KeepGrpc() {
  static const bool kept = (grpc_init(), true);
  static_cast<void>(kept);
}

grpc::Status ToGrpc(const Status& status) {
  if (status.ok()) return grpc::Status::OK;
  grpc::StatusCode wire = grpc::StatusCode::FAILED_PRECONDITION;
  for (const CodeRow& row : kCodes) {
    if (row.code == status.code()) wire = row.wire;
  }
  return grpc::Status(wire, status.message(), std::string(1, static_cast<char>(status.code())));
}

Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return OkStatus();
  const std::string details = status.error_details();
  if (details.size() == 1 && details[0] > 0 && details[0] <= static_cast<char>(Code::kIo)) {
    return Status(static_cast<Code>(details[0]), status.error_message());
  }
  for (const CodeRow& row : kCodes) {  // Made by gRPC itself.
    if (row.wire == status.error_code()) return Status(row.code, status.error_message());
  }
  return Status(Code::kIo, status.error_message());
}

void ToWire(const role::ServerInfo& from, control::ServerInfo* to) {
  to->set_pid(from.pid);
  to->set_version(from.version);
  to->set_mount_point(from.mount_point);
  to->set_source(from.source);
  to->set_state_directory(from.state_directory);
  to->set_started_ns(from.started_ns);
  to->set_mode(from.mode);
  to->set_passthrough(from.passthrough);
  to->set_cache_capacity_bytes(from.cache_capacity_bytes);
  to->set_cache_used_bytes(from.cache_used_bytes);
  to->set_cache_pinned_bytes(from.cache_pinned_bytes);
  to->set_open_files(from.open_files);
}

void ToWire(const role::PathInfo& from, control::PathInfo* to) {
  to->set_path(from.path);
  AttrToWire(from.attr, to->mutable_attr());
  BindingToWire(from.binding, to->mutable_binding());
  to->set_symlink_target(from.symlink_target);
  to->set_cached_percent(from.cached_percent);
}

void ToWire(const role::Control::ListReply& from, control::ListReply* to) {
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

void ToWire(const role::QueueTotals& from, control::QueueTotals* to) {
  to->set_entries(from.entries);
  to->set_files(from.files);
  to->set_bytes(from.bytes);
  to->set_conflicts(from.conflicts);
  to->set_conflict_bytes(from.conflict_bytes);
  to->set_replaced(from.replaced);
  to->set_gave_way(from.gave_way);
}

void ToWire(const role::UfsMountInfo& from, control::UfsMountInfo* to) {
  MountToWire(from, to);
  to->set_problem(from.problem);
  to->set_skipped_keys(from.skipped_keys);
  to->set_skipped_more(from.skipped_more);
}

void ToWire(const role::Control::UfsMountRequest& from, control::UfsMountRequest* to) {
  MountToWire(from, to);
}

role::UfsMountInfo FromWire(const control::UfsMountInfo& from) {
  auto to = MountFromWire<role::UfsMountInfo>(from);
  to.problem = from.problem();
  to.skipped_keys = from.skipped_keys();
  to.skipped_more = from.skipped_more();
  return to;
}

role::Control::UfsMountRequest FromWire(const control::UfsMountRequest& from) {
  return MountFromWire<role::Control::UfsMountRequest>(from);
}

role::ServerInfo FromWire(const control::ServerInfo& from) {
  role::ServerInfo to;
  to.pid = from.pid();
  to.version = from.version();
  to.mount_point = from.mount_point();
  to.source = from.source();
  to.state_directory = from.state_directory();
  to.started_ns = from.started_ns();
  to.mode = from.mode();
  to.passthrough = from.passthrough();
  to.cache_capacity_bytes = from.cache_capacity_bytes();
  to.cache_used_bytes = from.cache_used_bytes();
  to.cache_pinned_bytes = from.cache_pinned_bytes();
  to.open_files = from.open_files();
  return to;
}

role::PathInfo FromWire(const control::PathInfo& from) {
  role::PathInfo to;
  to.path = from.path();
  to.attr = AttrFromWire(from.attr());
  to.binding = BindingFromWire(from.binding());
  to.symlink_target = from.symlink_target();
  to.cached_percent = from.cached_percent();
  return to;
}

role::Control::ListReply FromWire(const control::ListReply& from) {
  role::Control::ListReply to;
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

role::QueueTotals FromWire(const control::QueueTotals& from) {
  role::QueueTotals to;
  to.entries = from.entries();
  to.files = from.files();
  to.bytes = from.bytes();
  to.conflicts = from.conflicts();
  to.conflict_bytes = from.conflict_bytes();
  to.replaced = from.replaced();
  to.gave_way = from.gave_way();
  return to;
}

}  // namespace tarn::rpc
