import Foundation

/// A network for programs of a test: one in public, and two behind translators (NAT) of their own that let nothing in
/// but answers, as most homes have it. Needs the namespace of `scripts/test` and nftables.
public final class TranslatedNetwork: Sendable {
  /// Somebody in it.
  public enum Place: String, Sendable {
    /// In public, at 10.66.0.1.
    case outside
    /// At 192.168.1.2, seen at 10.66.0.2.
    case first
    /// At 192.168.2.2, seen at 10.66.0.3.
    case second
  }

  /// Whether the program that makes the translators is there.
  public static let isAvailable = TestNetwork.isIsolated && access("/usr/sbin/nft", X_OK) == 0

  private let stage: Stage
  private let holders: [Place: ChildProcess]

  /// Makes one; it ends with the stage.
  public init(on stage: Stage) async throws {
    self.stage = stage
    var holders: [Place: ChildProcess] = [:]
    holders[.outside] = try await Self.hold(
      "ip link add hub type bridge; ip link set hub up; ip addr add 10.66.0.1/24 dev hub", on: stage)
    for (number, place) in [(1, Place.first), (2, .second)] {
      let rules = """
        table ip home {
          chain out { type nat hook postrouting priority 100; oifname "public" masquerade; }
          chain through {
            type filter hook forward priority 0;
            iifname "public" ct state established,related accept; iifname "public" drop;
          }
          chain in { type filter hook input priority 0; iifname "public" drop; }
        }
        """
      let file = try stage.folder.write(Array(rules.utf8), to: "rules \(number)")
      let translator = try await Self.hold(
        "echo 1 > /proc/sys/net/ipv4/ip_forward; nft -f '\(file)'", on: stage)
      let home = try await Self.hold("true", on: stage)
      guard let outside = holders[.outside] else { throw TestFailure("no network") }
      let script = """
        ip link add public netns \(translator.id) type veth peer name port\(number) netns \(outside.id)
        ip link add inner netns \(translator.id) type veth peer name net0 netns \(home.id)
        nsenter --net=/proc/\(outside.id)/ns/net ip link set port\(number) master hub up
        nsenter --net=/proc/\(translator.id)/ns/net ip addr add 10.66.0.\(number + 1)/24 dev public
        nsenter --net=/proc/\(translator.id)/ns/net ip addr add 192.168.\(number).1/24 dev inner
        nsenter --net=/proc/\(translator.id)/ns/net ip link set public up
        nsenter --net=/proc/\(translator.id)/ns/net ip link set inner up
        nsenter --net=/proc/\(home.id)/ns/net ip addr add 192.168.\(number).2/24 dev net0
        nsenter --net=/proc/\(home.id)/ns/net ip link set net0 up
        nsenter --net=/proc/\(home.id)/ns/net ip route add default via 192.168.\(number).1
        """
      let wiring = try await stage.run("sh", ["-ec", script])
      guard wiring.status == .exited(0) else { throw TestFailure("no network: \(wiring.tail)") }
      holders[place] = home
    }
    self.holders = holders
  }

  private static func hold(_ script: String, on stage: Stage) async throws -> ChildProcess {
    let holder = try stage.start(
      "unshare", ["--net", "sh", "-ec", "ip link set lo up; \(script); echo ready; exec sleep 1000"])
    try await eventually("a part of the network is there") {
      if let status = holder.status { throw TestFailure("unshare ended: \(status)\(holder.tail)") }
      return holder.output.contains("ready\n")
    }
    return holder
  }

  /// Starts a program somewhere in it.
  public func start(_ executable: String, _ arguments: [String], at place: Place) throws -> ChildProcess {
    guard let holder = holders[place] else { throw TestFailure("no network") }
    return try stage.start("nsenter", ["--net=/proc/\(holder.id)/ns/net", executable] + arguments)
  }
}
