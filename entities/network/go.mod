module github.com/lockstepdb/lockstep/entities/network

go 1.26.0
