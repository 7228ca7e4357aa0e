import Foundation

/// A network of its own for programs of a test: one interface that all of them share, and that carries
/// multicast, which loopback does not. Needs the namespace of `scripts/test`, in which we may make more of them.
public final class NetworkNamespace: Sendable {
  private let stage: Stage
  private let holder: ChildProcess

  /// Makes one with the addresses 10.66.0.1 to 10.66.0.`count` and fd66::1 and so on; it ends with the stage.
  public init(on stage: Stage, addresses count: Int) async throws {
    self.stage = stage
    var script = "ip link set lo up; ip link add net0 type veth peer name net1; ip link set net1 up"
    script += "; ip link set net0 up"
    for number in 1...count {
      script += "; ip addr add 10.66.0.\(number)/24 dev net0; ip addr add fd66::\(number)/64 dev net0 nodad"
    }
    script += "; echo ready; exec sleep 1000"
    holder = try stage.start("unshare", ["--net", "sh", "-c", script])
    try await eventually("the network is there") { [holder] in
      if let status = holder.status { throw TestFailure("unshare ended: \(status)\(holder.tail)") }
      return holder.output.contains("ready\n")
    }
  }

  /// Starts a program in it.
  public func start(_ executable: String, _ arguments: [String]) throws -> ChildProcess {
    try stage.start("nsenter", ["--net=/proc/\(holder.id)/ns/net", executable] + arguments)
  }
}
