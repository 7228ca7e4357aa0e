import Addresses
import EventLoop

/// Which of several addresses that we listen at leads to somebody: the one that the system would send from. Where
/// none is that one, the first that is as far: an address of loopback leads nowhere else.
enum SourceChoice {
  /// The place in `addresses`; `nil` if none is of the family. Asks the system only where there is a choice.
  static func index(
    in addresses: [IPAddress], to remote: IPAddress, through binding: SocketBinding? = nil
  ) -> Int? {
    index(in: addresses, to: remote) { TCP.source(to: remote, through: binding) }
  }

  /// The same with what the system would send from.
  static func index(in addresses: [IPAddress], to remote: IPAddress, usual: () -> IPAddress?) -> Int? {
    let mine = addresses.indices.filter { addresses[$0].isV4 == remote.isV4 }
    guard mine.count > 1 else { return mine.first }
    let source = usual()
    return mine.first { addresses[$0] == source } ?? mine.first { addresses[$0].isUnspecified }
      ?? mine.first { addresses[$0].isLoopback == remote.isLoopback } ?? mine.first
  }
}

extension LoopContext {
  /// The address to connect from; `nil` leaves it to the system.
  func source(to remote: IPAddress) -> IPAddress? {
    let addresses = configuration.listen.map(\.address)
    return SourceChoice.index(in: addresses, to: remote, through: binding).map { addresses[$0] }
  }

  /// The uTP port to connect from.
  func utpPort(to remote: IPAddress) -> UTPPort? {
    SourceChoice.index(in: utp.map(\.bound.address), to: remote, through: binding).map { utp[$0] }
  }
}

extension [DatagramPort] {
  /// The port to send from.
  func port(to remote: IPAddress) -> DatagramPort? {
    var found: DatagramPort?
    for port in self where port.socket.bound.address.isV4 == remote.isV4 {
      guard found == nil else {
        return SourceChoice.index(in: map(\.socket.bound.address), to: remote).map { self[$0] }
      }
      found = port
    }
    return found
  }

  /// Whether there are several of a family.
  var hasChoice: Bool {
    let v4 = count { $0.socket.bound.address.isV4 }
    return v4 > 1 || count - v4 > 1
  }
}
