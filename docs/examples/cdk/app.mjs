// A fleet as a stack of a CDK app. What to upload is made by
//   muster deploy orders --package-only package --bucket BUCKET
//   aws s3 sync package s3://BUCKET/code/
import { readdirSync } from 'node:fs';
import { App, Stack, Tags } from 'aws-cdk-lib';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';

const template = readdirSync('package').find((name) => name.startsWith('fleet-'));

const app = new App();
// The stack's name is the fleet's.
const stack = new Stack(app, 'orders');
Tags.of(stack).add('muster:fleet', 'orders');
const fleet = new CfnInclude(stack, 'Fleet', {
  templateFile: `package/${template}`,
  // Logical IDs stay as they are: other tools find the fleet's resources by them.
  preserveLogicalIds: true,
  parameters: {
    ProcessHandler: app.node.tryGetContext('handler'),
    MaxConcurrency: '20',
  },
});
fleet.getOutput('QueueUrl').exportName = 'orders-queue-url';
