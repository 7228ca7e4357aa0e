import Addresses
import EventLoop

/// A TCP listener and the UDP socket at the same address and port, not watched yet.
struct ListeningSockets {
  let stream: Int32
  let datagrams: Int32
  let bound: Endpoint
  /// What was wished, with the port that was given.
  var wanted: Endpoint { Endpoint(address, port: bound.port) }
  private let address: IPAddress

  /// Ports that are tried where any will do: the one that TCP got may be taken for UDP.
  private static let attempts = 16

  /// Binds both; port 0 takes one that is free for both.
  init(on endpoint: Endpoint, through binding: SocketBinding? = nil) throws(SocketError) {
    self = try Self.bind(endpoint, through: binding, attempts: endpoint.port == 0 ? Self.attempts : 1)
  }

  private init(stream: Int32, datagrams: Int32, bound: Endpoint, address: IPAddress) {
    self.address = address
    self.stream = stream
    self.datagrams = datagrams
    self.bound = bound
  }

  private static func bind(
    _ endpoint: Endpoint, through binding: SocketBinding?, attempts: Int
  ) throws(SocketError) -> ListeningSockets {
    let (stream, bound) = try TCP.listen(on: endpoint, through: binding)
    do {
      let datagrams = try UDPSocket.bind(to: bound, through: binding).descriptor
      return ListeningSockets(
        stream: stream, datagrams: datagrams, bound: bound, address: endpoint.address)
    } catch {
      TCP.close(stream)
      guard attempts > 1 else { throw error }
    }
    return try bind(endpoint, through: binding, attempts: attempts - 1)
  }

  /// Binds at each of the endpoints that works, those with port 0 at one common port: trackers and peers are
  /// told only one.
  /// - Throws: `SessionError.Code.cannotListen` when none works.
  static func bind(
    _ endpoints: [Endpoint], through binding: SocketBinding? = nil
  ) throws(SessionError) -> [ListeningSockets] {
    var sockets: [ListeningSockets] = []
    var failure: SocketError?
    var port: UInt16 = 0
    for endpoint in endpoints {
      let wanted = Endpoint(endpoint.address, port: endpoint.port == 0 ? port : endpoint.port)
      do {
        let pair = try ListeningSockets(on: wanted, through: binding)
        port = pair.bound.port
        sockets.append(pair)
      } catch {
        failure = failure ?? error
      }
    }
    if let failure, sockets.isEmpty {
      throw SessionError(.cannotListen, "\(failure); choose another address or port")
    }
    return sockets
  }
}
