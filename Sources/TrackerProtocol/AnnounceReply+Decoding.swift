import Addresses
import Bencode
import Bytes

extension AnnounceReply {
  /// Peers beyond this number in one reply are ignored.
  public static let maximumPeers = 4096

  /// Taken where a tracker names no interval, in seconds.
  static let usualInterval: Int64 = 1800

  /// Reads a tracker's answer, compact or not, keys in any order. Peers that nobody can connect to
  /// (port 0, no address, a name instead of an address) are left out; numbers that make no sense are
  /// brought into range. Throws `refused` for a `failure reason`.
  public init(_ bytes: [UInt8]) throws(TrackerFault) {
    let root = try TrackerFault.dictionary(bytes)
    let interval = root["interval"]?.integer
    guard interval != nil || root["peers"] != nil else {
      throw .malformed("it has neither an interval nor peers")
    }
    self.init(interval: Int(clamping: max(0, interval ?? Self.usualInterval)))
    minimumInterval = (root["min interval"]?.integer).map { Int(clamping: max(0, $0)) }
    seeds = (root["complete"]?.integer).map { Int(clamping: max(0, $0)) }
    leeches = (root["incomplete"]?.integer).map { Int(clamping: max(0, $0)) }
    trackerID = root["tracker id"]?.string
    warning = root["warning message"]?.text
    if let offered = root["x"], offered.isDictionary { extensions = ReplyExtensions(offered) }
    if let address = root["external ip"]?.string, address.count == 4 || address.count == 16 {
      externalAddress = IPAddress(address.rawBytes, at: 0, isV6: address.count == 16)
    }
    if let peers = root["peers"] {
      if let compact = peers.string {
        try take(compact, isV6: false)
      } else if let list = peers.elements {
        for peer in list { take(peer) }
      } else {
        throw .malformed("peers is neither a string nor a list")
      }
    }
    if let compact = root["peers6"]?.string { try take(compact, isV6: true) }
  }

  private mutating func take(_ compact: [UInt8], isV6: Bool) throws(TrackerFault) {
    guard compact.count % Endpoint.compactSize(isV6: isV6) == 0 else {
      throw .malformed("\(isV6 ? "peers6" : "peers") is cut off in the middle of a peer")
    }
    for endpoint in Self.endpoints(compact, isV6: isV6) { take(endpoint) }
  }

  private mutating func take(_ peer: BencodeValue) {
    guard let text = peer["ip"]?.text, let address = IPAddress(text),
      let port = (peer["port"]?.integer).flatMap({ UInt16(exactly: $0) })
    else { return }
    take(Endpoint(address, port: port))
  }

  mutating func take(_ endpoint: Endpoint) {
    guard endpoint.port != 0, !endpoint.address.isUnspecified, !endpoint.address.isMulticast,
      peersV4.count / 6 + peersV6.count / 18 < Self.maximumPeers
    else { return }
    if endpoint.address.isV4 {
      endpoint.appendCompact(to: &peersV4)
    } else {
      endpoint.appendCompact(to: &peersV6)
    }
  }
}

extension TrackerFault {
  /// The dictionary that every answer of a tracker is; throws `refused` if it carries a failure.
  static func dictionary(_ bytes: [UInt8]) throws(TrackerFault) -> BencodeValue {
    let root: BencodeValue
    do {
      let options = BencodeOptions(
        maximumDepth: 16, maximumItems: 1 << 18, allowsUnsortedKeys: true, allowsTrailingBytes: true)
      root = try BencodeDocument(bytes, options: options).root
    } catch {
      throw .malformed("\(error)")
    }
    guard root.isDictionary else { throw .malformed("it is not a dictionary") }
    guard let reason = root["failure reason"]?.string else { return root }
    var retryIn: RetryIn?
    if let value = root["retry in"] {
      if value.isString("never") {
        retryIn = .never
      } else if let minutes = value.integer ?? value.text.flatMap({ Int64($0) }), minutes >= 0 {
        retryIn = .minutes(Int(clamping: min(minutes, 1 << 20)))
      }
    }
    throw .refused(reason: String(decoding: reason.prefix(512), as: UTF8.self), retryIn: retryIn)
  }
}
