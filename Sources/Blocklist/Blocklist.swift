// Blocklist: addresses that nothing is to be exchanged with, read from the lists that people pass around.
// May import Bytes, Addresses and zlib. No files, no sockets: bytes come in pieces of any size.

public import Addresses

/// A set of IPv4 and IPv6 addresses, made of ranges. Immutable once built, so that any thread may ask.
///
/// Sorted flat arrays: some 8 bytes a range of IPv4, 16 a range of IPv6 networks (/64 and shorter), 20 a range of single
/// IPv6 addresses. Ranges that overlap or touch are one.
public struct Blocklist: Sendable {
  /// Ranges of IPv4.
  private let v4: RangeTable<UInt32, UInt32>
  /// Ranges of whole /64 networks of IPv6, by their upper halves.
  private let networks: RangeTable<UInt64, UInt64>
  /// Short ranges inside of networks, and the few that are long.
  private let hosts: RangeTable<UInt128, UInt32>
  private let spans: RangeTable<UInt128, UInt64>

  /// Nobody.
  public init() { self.init(RangeSet()) }

  init(_ set: consuming RangeSet) {
    var networks: [ClosedRange<UInt64>] = []
    var hosts: [ClosedRange<UInt128>] = []
    var spans: [ClosedRange<UInt128>] = []
    set.merge()
    for range in set.v6 {
      for part in Self.parts(of: range) {
        if part.isNetworks {
          networks.append(UInt64(part.range.lowerBound >> 64)...UInt64(part.range.upperBound >> 64))
        } else if part.range.upperBound - part.range.lowerBound <= UInt128(UInt32.max) {
          hosts.append(part.range)
        } else {
          spans.append(part.range)
        }
      }
    }
    v4 = RangeTable(set.v4)
    self.networks = RangeTable(networks)
    self.hosts = RangeTable(hosts)
    self.spans = RangeTable(spans)
  }

  /// A range as whole networks and what sticks out at its ends: at most three parts.
  private static func parts(of range: ClosedRange<UInt128>) -> [(
    range: ClosedRange<UInt128>, isNetworks: Bool
  )] {
    let low = UInt128(UInt64.max)
    let (first, last) = (range.lowerBound, range.upperBound)
    if first & low == 0, last & low == low { return [(range, true)] }
    if first >> 64 == last >> 64 { return [(range, false)] }
    var parts: [(range: ClosedRange<UInt128>, isNetworks: Bool)] = []
    var start = first
    if first & low != 0 {
      parts.append((first...(first | low), false))
      start = (first | low) + 1
    }
    let end = last & low == low ? last : (last & ~low)
    if last & low == low {
      parts.append((start...end, true))
    } else {
      if start < end { parts.append((start...(end - 1), true)) }
      parts.append((end...last, false))
    }
    return parts
  }

  /// Whether an address is in the set. O(log ranges), no allocation.
  public func contains(_ address: IPAddress) -> Bool {
    if address.isV4 { return v4.contains(address.v4) }
    let words = address.words
    if networks.contains(words.high) { return true }
    guard !hosts.isEmpty || !spans.isEmpty else { return false }
    let value = UInt128(words.high) << 64 | UInt128(words.low)
    return hosts.contains(value) || spans.contains(value)
  }

  /// Whether nobody is in it.
  public var isEmpty: Bool { v4.isEmpty && networks.isEmpty && hosts.isEmpty && spans.isEmpty }

  /// Ranges after merging; an IPv6 range whose ends lie inside of networks counts up to three times.
  public var rangeCount: Int { v4.count + networks.count + hosts.count + spans.count }

  /// Bytes that the tables take.
  public var byteCount: Int { v4.byteCount + networks.byteCount + hosts.byteCount + spans.byteCount }
}
