import Addresses
import Bytes
import Digest
import TrackerProtocol

@testable import HTTPServer
@testable import TrackerServer

func hash(_ number: Int) -> InfoHash {
  var bytes: [UInt8] = []
  bytes.append(bigEndian: UInt64(number))
  return SHA1.hash(bytes.rawBytes)
}

/// Distinct endpoints: of IPv4 in 10.0.0.0/8, of IPv6 in 2001:db8::/32.
func endpoint(_ number: Int, isV6: Bool = false) -> Endpoint {
  var bytes: [UInt8] = isV6 ? [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0] : []
  bytes.append(bigEndian: UInt32(number) + (isV6 ? 0 : 0x0a00_0000))
  return Endpoint(IPAddress(bytes.rawBytes, at: 0, isV6: isV6), port: UInt16(1024 + number % 60_000))
}

extension SwarmReply {
  var peers: [Endpoint] { AnnounceReply(interval: 1, peersV4: peersV4, peersV6: peersV6).peers }
}
