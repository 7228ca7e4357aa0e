import Addresses
internal import CSystem
internal import EventLoop
internal import Glibc

/// A socket that a tracker listens on.
struct ListeningSocket: Sendable, Equatable {
  enum Kind: String, Sendable {
    case udp
    case tcp
  }

  var kind: Kind
  var endpoint: Endpoint
  var descriptor: Int32

  /// What a descriptor is; `nil` if it is no bound UDP socket and no listening TCP socket.
  init?(_ descriptor: Int32) {
    var listens: Int32 = 0
    let type = unsafe apus_socket_type(descriptor, &listens)
    guard let endpoint = TCP.local(descriptor), endpoint.port != 0 else { return nil }
    if type == Int32(SOCK_DGRAM.rawValue) {
      kind = .udp
    } else if type == Int32(SOCK_STREAM.rawValue), listens != 0 {
      kind = .tcp
    } else {
      return nil
    }
    self.endpoint = endpoint
    self.descriptor = descriptor
  }
}

/// The sockets that a tracker listens on, to be taken over by front ends: from the process that goes before it, or
/// from the one that starts it. Owns the descriptors that nobody has taken.
struct ListeningSocketSet: Sendable {
  private(set) var sockets: [ListeningSocket]

  /// None.
  init() { sockets = [] }

  /// What these descriptors are; those that are of no use are closed.
  init(_ descriptors: [Int32]) {
    sockets = []
    for descriptor in descriptors {
      if let socket = ListeningSocket(descriptor) {
        sockets.append(socket)
      } else {
        TCP.close(descriptor)
      }
    }
  }

  /// Copies of sockets that others go on using.
  init(copying descriptors: [Int32]) { self.init(descriptors.map { apus_duplicate($0) }.filter { $0 >= 0 }) }

  /// The sockets that the service manager opened for us (systemd's `LISTEN_FDS`), if they are meant for this process.
  static func activated(environment: (String) -> String?) -> ListeningSocketSet {
    guard let process = environment("LISTEN_PID").flatMap({ Int32($0) }), process == getpid(),
      let count = environment("LISTEN_FDS").flatMap({ Int32($0) }), count > 0, count <= 1000
    else { return ListeningSocketSet() }
    // The first one is 3, as sd_listen_fds(3) says.
    let descriptors = 3..<3 + count
    for descriptor in descriptors { _ = apus_set_close_on_exec(descriptor) }
    return ListeningSocketSet(Array(descriptors))
  }

  /// What they listen on, each once, in their order.
  func endpoints(_ kind: ListeningSocket.Kind) -> [Endpoint] {
    sockets.reduce(into: []) { endpoints, socket in
      if socket.kind == kind, !endpoints.contains(socket.endpoint) { endpoints.append(socket.endpoint) }
    }
  }

  /// Hands out the sockets of an endpoint, of any port if its port is 0; they are the caller's from now on.
  mutating func take(_ kind: ListeningSocket.Kind, at endpoint: Endpoint) -> [ListeningSocket] {
    var wanted = endpoint
    if endpoint.port == 0 {
      guard let first = sockets.first(where: { $0.kind == kind && $0.endpoint.address == endpoint.address })
      else {
        return []
      }
      wanted = first.endpoint
    }
    let taken = sockets.filter { $0.kind == kind && $0.endpoint == wanted }
    sockets.removeAll { $0.kind == kind && $0.endpoint == wanted }
    return taken
  }

  /// Closes those that nobody has taken.
  mutating func close() {
    for socket in sockets { TCP.close(socket.descriptor) }
    sockets = []
  }
}
