import Addresses
import CSystem
import Glibc
import TrackerServer

extension Examination {
  /// Open files: a connection takes one.
  func fileLimit() -> Finding {
    var limit = rlimit()
    unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    let allowed = Int(clamping: limit.rlim_max)
    let needed = settings.configuration.maximumConnections + 256
    let text = "\(allowed) open files are allowed, \(needed) are needed for all connections"
    guard allowed < needed else { return Finding("files", .good, text) }
    return Finding(
      "files", .poor, text,
      remedy: "LimitNOFILE=\(needed) in the unit, or 'ulimit -n', or fewer with --http-connections")
  }

  /// Buffers of sockets: what comes while the tracker is busy waits there.
  func socketBuffers() -> [Finding] {
    [("rmem", "received"), ("wmem", "sent")].map { name, verb in
      let path = "/proc/sys/net/core/\(name)_max"
      guard let value = number(path) else { return Finding(name, .unknown, "\(path) cannot be read") }
      let wanted = 8 << 20
      let text = "sockets may have \(Figures.size(Int64(value))) of what is to be \(verb)"
      guard value < wanted else { return Finding(name, .good, text) }
      return Finding(
        name, .poor, text + "; under load over UDP that is little",
        remedy: "sysctl -w net.core.\(name)_max=\(wanted), and the same in /etc/sysctl.d/apus.conf")
    }
  }

  /// The table of connections that a firewall tracks: a busy tracker over UDP fills it.
  func connectionTracking() -> Finding? {
    guard let maximum = number("/proc/sys/net/netfilter/nf_conntrack_max") else { return nil }
    let count = number("/proc/sys/net/netfilter/nf_conntrack_count") ?? 0
    let text = "the firewall tracks \(count) of at most \(maximum) connections"
    guard maximum < 1 << 20 else { return Finding("conntrack", .good, text) }
    let ports = endpoints.map(\.port)
    return Finding(
      "conntrack", .poor, text + "; each client over UDP takes one",
      remedy:
        "nft add rule ip raw prerouting udp dport \(ports.first ?? 6969) notrack, or a larger nf_conntrack_max"
    )
  }

  /// The clock: logs, and certificates.
  func clock() -> Finding {
    let state = apus_clock_is_synchronised()
    guard state != 1 else { return Finding("clock", .good, "the clock is synchronised") }
    return Finding(
      "clock", state == 0 ? .poor : .unknown,
      state == 0
        ? "the clock is not synchronised" : "the system does not say whether the clock is synchronised",
      remedy: state == 0 ? "apt install systemd-timesyncd, or run chrony or another NTP client" : "")
  }

  /// Memory for a table that is as large as the limits allow.
  func memory() -> Finding {
    let limits = settings.configuration.limits
    let largest = limits.torrents * 64 + limits.peers * 18
    guard let text = try? FileSystem.read("/proc/meminfo", limit: 1 << 16),
      let total = String(decoding: text, as: UTF8.self).split(separator: " ").dropFirst().first.flatMap({
        Int($0)
      })
    else { return Finding("memory", .unknown, "/proc/meminfo cannot be read") }
    let words =
      "a full table takes about \(Figures.size(Int64(largest))) of \(Figures.size(Int64(total) * 1024))"
    guard largest > total * 1024 / 10 * 8 else { return Finding("memory", .good, words) }
    return Finding(
      "memory", .poor, words, remedy: "lower --limits-torrents and --limits-peers, or add memory")
  }

  private func number(_ path: String) -> Int? {
    guard let bytes = try? FileSystem.read(path, limit: 4096) else { return nil }
    return Int(String(decoding: bytes.prefix { $0 != 0x0a }, as: UTF8.self))
  }
}
