public import Addresses
import Bytes

/// Tells which of several sockets on one port a packet is for. The first of them, number 0, greets strangers; what
/// the others have is written down here. Sans I/O; nothing is allocated by a look-up.
public struct UTPRouter {
  private struct Route: Numbered {
    let remote: Endpoint
    let receiveID: UInt16
    let home: Int
  }

  private var routes: ConnectionTable<Route>
  /// How many sockets there are.
  public let homes: Int

  /// Routes to `homes` sockets. `seed`: random numbers that nobody can guess.
  public init(homes: Int, seed: (UInt64, UInt64)) {
    self.homes = homes
    routes = ConnectionTable(KeyedHash(key: seed))
  }

  /// Connections that are not at the first socket.
  public var count: Int { routes.count }

  /// A connection is at the socket with the number `home`.
  public mutating func add(_ remote: Endpoint, _ receiveID: UInt16, home: Int) {
    routes.insert(Route(remote: remote, receiveID: receiveID, home: home))
  }

  /// A connection of that socket is over.
  public mutating func remove(_ remote: Endpoint, _ receiveID: UInt16, home: Int) {
    guard routes.find(remote, receiveID)?.home == home else { return }
    routes.remove(remote, receiveID)
  }

  /// The socket that has the connection of a packet; 0 if none of the others has.
  public func home(of packet: RawSpan, from remote: Endpoint) -> Int {
    guard let id = Self.number(of: packet) else { return 0 }
    if let route = routes.find(remote, id) { return route.home }
    // A reset carries either number.
    guard packet.byte(at: 0) >> 4 == UTPPacketType.reset.rawValue else { return 0 }
    return (routes.find(remote, id &- 1) ?? routes.find(remote, id &+ 1))?.home ?? 0
  }

  /// The socket that may have opened the connection of a packet which the first one does not know: word of it
  /// may be late.
  public func guess(of packet: RawSpan) -> Int { Self.number(of: packet).map { Int($0) % homes } ?? 0 }

  /// Never the number of a greeting: that is the business of the first.
  private static func number(of packet: RawSpan) -> UInt16? {
    guard packet.byteCount >= UTPHeader.byteCount, packet.byte(at: 0) >> 4 != UTPPacketType.syn.rawValue
    else { return nil }
    return packet.bigEndian(UInt16.self, at: 2)
  }
}

/// A connection between two sockets.
///
/// Unchecked `Sendable`: nobody else has the connection meanwhile.
public struct DetachedConnection: @unchecked Sendable {
  let connection: UTPConnection

  init(_ connection: UTPConnection) { self.connection = connection }
}
