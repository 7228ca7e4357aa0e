// swift-tools-version: 6.2
import PackageDescription

// Whole swarms in virtual time, with optimisation: `make simulate`. A package of its own, so that users of
// the library never see it. Of the engine it takes only the cores that decide (links to their sources), which
// also shows that they need no socket and no clock. The swarm itself is part of the tests, as is the DHT.

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableExperimentalFeature("Lifetimes"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let plain: [SwiftSetting] = [
  .swiftLanguageMode(.v6), .treatAllWarnings(as: .error), .enableUpcomingFeature("ExistentialAny"),
]

let package = Package(
  name: "simulation",
  targets: [
    .target(name: "Bytes", swiftSettings: strict),
    .target(name: "EventLoop", swiftSettings: strict),
    .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto"),
    .target(name: "CLanes", dependencies: ["COpenSSL"]),
    .target(name: "Digest", dependencies: ["Bytes", "CLanes", "COpenSSL"], swiftSettings: strict),
    .target(name: "Bencode", dependencies: ["Bytes"], swiftSettings: strict),
    .target(name: "Addresses", dependencies: ["Bytes"], swiftSettings: strict),
    .target(
      name: "MainlineDHT", dependencies: ["Bytes", "Digest", "Bencode", "Addresses"], swiftSettings: strict),
    .target(name: "BitTorrent", dependencies: ["Bytes", "EventLoop"], swiftSettings: strict),
    .executableTarget(
      name: "simulate", dependencies: ["Bytes", "EventLoop", "BitTorrent"],
      swiftSettings: plain),
    .executableTarget(
      name: "simulate-dht", dependencies: ["Bytes", "Digest", "Addresses", "MainlineDHT"],
      swiftSettings: plain),
  ]
)
