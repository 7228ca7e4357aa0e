import Addresses
import EventLoop

/// A TCP listener and the UDP socket at the same address and port, not watched yet.
struct ListeningSockets {
  let stream: Int32
  let datagrams: Int32
  let bound: Endpoint

  /// Ports that are tried where any will do: the one that TCP got may be taken for UDP.
  private static let attempts = 16

  /// Binds both; port 0 takes one that is free for both.
  init(on endpoint: Endpoint) throws(SocketError) {
    self = try Self.bind(endpoint, attempts: endpoint.port == 0 ? Self.attempts : 1)
  }

  private init(stream: Int32, datagrams: Int32, bound: Endpoint) {
    self.stream = stream
    self.datagrams = datagrams
    self.bound = bound
  }

  private static func bind(_ endpoint: Endpoint, attempts: Int) throws(SocketError) -> ListeningSockets {
    let (stream, bound) = try TCP.listen(on: endpoint)
    do {
      return ListeningSockets(
        stream: stream, datagrams: try UDPSocket.bind(to: bound).descriptor, bound: bound)
    } catch {
      TCP.close(stream)
      guard attempts > 1 else { throw error }
    }
    return try bind(endpoint, attempts: attempts - 1)
  }

  /// Binds at each of the endpoints that works, those with port 0 at one common port: trackers and peers are
  /// told only one.
  /// - Throws: `SessionError.Code.cannotListen` when none works.
  static func bind(_ endpoints: [Endpoint]) throws(SessionError) -> [ListeningSockets] {
    var sockets: [ListeningSockets] = []
    var failure: SocketError?
    var port: UInt16 = 0
    for endpoint in endpoints {
      let wanted = Endpoint(endpoint.address, port: endpoint.port == 0 ? port : endpoint.port)
      do {
        let pair = try ListeningSockets(on: wanted)
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
