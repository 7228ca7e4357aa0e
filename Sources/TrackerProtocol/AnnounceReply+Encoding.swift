import Addresses
import Bytes

extension AnnounceReply {
  /// The bencoded reply, its peers as one string a family (BEP 23, BEP 7) or as a list of dictionaries
  /// of both families (BEP 3). `peers` is always there, even if empty.
  public func encoded(compact: Bool) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(160 + peersV4.count + peersV6.count)
    bytes.append(UInt8(ascii: "d"))
    Self.append("complete", seeds, to: &bytes)
    if let externalAddress { Self.append("external ip", externalAddress.bytes, to: &bytes) }
    Self.append("incomplete", leeches, to: &bytes)
    Self.append("interval", interval, to: &bytes)
    Self.append("min interval", minimumInterval, to: &bytes)
    if compact {
      Self.append("peers", peersV4, to: &bytes)
      if !peersV6.isEmpty { Self.append("peers6", peersV6, to: &bytes) }
    } else {
      bytes.append(utf8: "5:peersl")
      for peer in peers {
        let address = peer.address.description
        bytes.append(utf8: "d2:ip\(address.utf8.count):\(address)4:porti\(peer.port)ee")
      }
      bytes.append(UInt8(ascii: "e"))
    }
    if let trackerID { Self.append("tracker id", trackerID, to: &bytes) }
    if let warning { Self.append("warning message", [UInt8](warning.utf8), to: &bytes) }
    bytes.append(UInt8(ascii: "e"))
    extensions?.append(to: &bytes)
    return bytes
  }

  private static func append(_ key: String, _ value: [UInt8], to bytes: inout [UInt8]) {
    bytes.append(utf8: "\(key.utf8.count):\(key)\(value.count):")
    bytes.append(contentsOf: value)
  }

  private static func append(_ key: String, _ value: Int?, to bytes: inout [UInt8]) {
    if let value { bytes.append(utf8: "\(key.utf8.count):\(key)i\(value)e") }
  }
}

extension TrackerFault {
  /// A refusal as a tracker sends it; `retryIn` is BEP 31's.
  public static func encoded(reason: String, retryIn: RetryIn? = nil) -> [UInt8] {
    var bytes = [UInt8]("d14:failure reason\(reason.utf8.count):\(reason)".utf8)
    switch retryIn {
    case .minutes(let minutes): bytes.append(utf8: "8:retry ini\(minutes)e")
    case .never: bytes.append(utf8: "8:retry in5:never")
    case nil: break
    }
    bytes.append(UInt8(ascii: "e"))
    return bytes
  }
}
