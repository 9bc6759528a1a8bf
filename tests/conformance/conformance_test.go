// Package conformance holds hauberk to the Gateway API's own suite of conformance tests.
package conformance

import (
	"fmt"
	"testing"

	"sigs.k8s.io/gateway-api/conformance"
	"sigs.k8s.io/gateway-api/conformance/tests"
)

// TestGatewayAPI runs the suite on the cluster of KUBECONFIG, with the options of the command line.
func TestGatewayAPI(t *testing.T) {
	conformance.RunConformance(t)
}

// TestNames writes the name of each test of the suite, and the features that it asks for. It needs no cluster.
func TestNames(t *testing.T) {
	for _, test := range tests.ConformanceTests {
		fmt.Println(test.ShortName, test.Features)
	}
}
