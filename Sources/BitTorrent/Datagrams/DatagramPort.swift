import Addresses
import Bytes
import EventLoop

/// A protocol that shares the UDP port of the session with others.
protocol DatagramReceiver: AnyObject {
  /// A datagram of this protocol came. Its bytes are only there while the call lasts.
  func received(
    _ datagram: RawSpan, from remote: Endpoint, through port: DatagramPort, on loop: isolated Loop)
  /// All datagrams that waited have been handed over.
  func receivedAll(through port: DatagramPort, on loop: isolated Loop)
  /// There is room again for what is to be sent.
  func drained(through port: DatagramPort, on loop: isolated Loop)
}

extension DatagramReceiver {
  func drained(through port: DatagramPort, on loop: isolated Loop) {}
}

/// The UDP socket at the address and port of a listener. DHT, uTP and UDP trackers share it, as peers expect:
/// what they know of us is one port. Lives on the session's first loop.
final class DatagramPort: DatagramHandler {
  /// Which protocol a datagram belongs to.
  enum Kind: Equatable {
    case dht, utp, tracker, unknown
  }

  let socket: UDPSocket
  var dht: (any DatagramReceiver)?
  var utp: (any DatagramReceiver)?
  var trackers: (any DatagramReceiver)?
  /// Datagrams that nobody took.
  private(set) var strays = 0
  let filter: AddressFilter
  /// The address that was looked up last, and whether it is blocked: datagrams come in runs.
  private var lastAddress = IPAddress.anyV6
  private var isLastBlocked = false

  init(_ socket: UDPSocket, filter: AddressFilter) {
    self.socket = socket
    self.filter = filter
  }

  /// Begins to receive; false if the system refuses.
  func start(on loop: isolated Loop) -> Bool { socket.start(self, on: loop) }

  /// Nothing is sent or received until the socket is resumed.
  func suspend(on loop: isolated Loop) { socket.suspend() }

  /// Closes the socket and lets go of the protocols.
  func close(on loop: isolated Loop) {
    socket.close(on: loop)
    dht = nil
    utp = nil
    trackers = nil
  }

  /// Tells the protocols apart by their first bytes: a DHT message is a dictionary (BEP 5); a uTP packet has
  /// version 1 in its low half byte and a type below 5 in the other (BEP 29); a tracker's answer begins with
  /// its action, 0 to 3, in four bytes (BEP 15).
  static func kind(_ datagram: RawSpan) -> Kind {
    guard datagram.byteCount >= 8 else { return .unknown }
    let first = datagram.byte(at: 0)
    if first == UInt8(ascii: "d") { return .dht }
    if first & 15 == 1, first >> 4 < 5, datagram.byteCount >= 20 { return .utp }
    if datagram.bigEndian(UInt32.self, at: 0) <= 3 { return .tracker }
    return .unknown
  }

  func received(_ datagram: RawSpan, from remote: Endpoint, on loop: isolated Loop) {
    guard let receiver = receiver(of: datagram), remote.port != 0 else {
      strays += 1
      return
    }
    // Trackers are named by torrents and people, not met by chance.
    if !filter.isEmpty, receiver !== trackers, isBlocked(remote.address) { return }
    receiver.received(datagram, from: remote, through: self, on: loop)
  }

  /// Whether nothing is to come from an address, nor to go there.
  func isBlocked(_ address: IPAddress) -> Bool {
    guard !filter.isEmpty else { return false }
    guard address != lastAddress else { return isLastBlocked }
    isLastBlocked = filter.blocks(address)
    lastAddress = address
    return isLastBlocked
  }

  /// The blocklist is another one.
  func filterChanged() { lastAddress = .anyV6 }

  private func receiver(of datagram: RawSpan) -> (any DatagramReceiver)? {
    switch Self.kind(datagram) {
    case .dht: dht
    case .utp: utp
    case .tracker: trackers
    case .unknown: nil
    }
  }

  func receivedAll(on loop: isolated Loop) {
    dht?.receivedAll(through: self, on: loop)
    utp?.receivedAll(through: self, on: loop)
    trackers?.receivedAll(through: self, on: loop)
  }

  func drained(on loop: isolated Loop) { utp?.drained(through: self, on: loop) }
}
