import Testing

@testable import UTP

/// Sizes of datagrams that are tried out.
@Suite struct PathMTUTests {
  /// Whatever the path takes, each try leaves room for the padding that makes a packet so large, and the search ends.
  @Test(arguments: [548, 1000, 1232, 1240, 1300, 1367, 1472, 9000, 65_000])
  func eachTryHasRoomForItsPadding(most: Int) {
    for limit in stride(from: 548, through: most, by: most > 2000 ? 37 : 1) {
      var mtu = PathMTU(most: most)
      var tries = 0
      while let probe = mtu.probe, tries < 100 {
        tries += 1
        #expect(probe - mtu.size >= Padding.leastBytes)
        mtu.probing()
        if probe <= limit { mtu.arrived(probe) } else { mtu.lost(probe) }
      }
      #expect(tries < 60, "\(limit)")
    }
  }
}
